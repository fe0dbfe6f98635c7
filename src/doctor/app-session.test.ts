import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { changed, factsOf, fixtureFault } from './facts.fixture.ts'
import type { AppSessionFacts } from './facts.ts'

const TARGET = { host: 'wiki.internal', port: 8080 }
const CLIENT = { role: 'client', stateDir: '/home/ada/.local/state/backstitch/client' } as const

function judged(session: Omit<AppSessionFacts, 'target' | 'by' | 'tookMs'> & Partial<AppSessionFacts>) {
  const facts = factsOf({
    patient: { ...CLIENT, app: { ...TARGET, networks: [] } },
    known: {
      identity: changed('identity', { id: 'dev_1', user: 'ada' }),
      session: { target: TARGET, by: 'daemon', tookMs: 40, ...session },
    },
  })
  return diagnose(CHECKS, facts)
}

test('a device looks at an application by a session, and asks no resolver of its own for a name that is none of its', () => {
  const { judgements, roots } = judged({ said: { is: 'silent' } })
  assert.deepEqual(roots, [])
  const about = judgements.filter(({ check }) => check.startsWith('app-'))
  assert.deepEqual(
    about.map(({ check, verdict }) => [check, verdict]),
    [
      [
        'app-session',
        {
          is: 'pass',
          saw: 'wiki.internal:8080 connected in 0 s; it keeps the connection open and waits for a request; whether large packets reach it cannot be tested from here; an admin can: backstitch trace ada wiki.internal:8080',
        },
      ],
    ],
  )
})

test('what stands in the way of a session is told with its hop, and what to do and whom to ask by name', () => {
  const refused = fixtureFault('APP_REFUSED', '10.20.0.9:8080: ECONNREFUSED')
  const [root] = judged({ fault: refused }).roots
  assert.equal(root?.hop, 'application')
  assert.equal(root?.verdict.fault, 'APP_REFUSED')
  assert.deepEqual(root?.verdict.fix, [
    'Start the application, or correct the port in the segment.',
    'or ask an admin: backstitch trace ada wiki.internal:8080',
  ])
  assert.match(root.verdict.verify.run, /doctor client .*--app wiki\.internal:8080$/)
})

test('who is refused by policy gets the command by which an admin sees why', () => {
  const seen = { destination: 'wiki.internal tcp 8080', denial: 'den_1', segment: 'wiki' }
  const denied = fixtureFault('POLICY_DENIED', 'no rule allows wiki', { seen })
  const [root] = judged({ fault: denied }).roots
  assert.equal(root?.hop, 'control')
  assert.ok(root?.verdict.fix.includes('or ask an admin: backstitch describe denial den_1'))
})

test('every member that is out is quoted, and an application that hangs up is its own fault', () => {
  const members = ['dc1-a: its process ended', 'dc1-b: it is disconnected']
  const none = fixtureFault('NO_HEALTHY_CONNECTOR', 'segment wiki', { seen: { members } })
  const [root] = judged({ fault: none }).roots
  for (const member of members) assert.ok(root?.verdict.seen.includes(member), member)
  const [hungUp] = judged({ said: { is: 'closed' } }).roots
  assert.equal(hungUp?.verdict.fault, 'APP_HUNG_UP')
})

test('an application that a session reaches and that is known not to be as it should is not called well', () => {
  const silent = fixtureFault('APP_SILENT', 'wiki.internal:8080: silent since noon, says dc1-a', {
    seen: { saw: ['the last sent 94 B and gave up after 12 s'] },
  })
  const narrow = fixtureFault(
    'PATH_MTU',
    'wiki.internal:8080: packets over 1280 bytes are lost, says dc1-a',
    {
      hop: 'application',
    },
  )
  const [root] = judged({ said: { is: 'silent' }, notes: [silent, narrow] }).roots
  assert.deepEqual([root?.hop, root?.verdict.fault], ['application', 'APP_SILENT'])
  assert.match(
    root!.verdict.seen.join('\n'),
    /silent since noon, says dc1-a\nthe last sent 94 B.*\nand PATH_MTU: /,
  )
  assert.ok(root!.verdict.fix.includes('or ask an admin: backstitch trace ada wiki.internal:8080'))
  const greets = judged({ said: { is: 'bytes', bytes: Buffer.from('SSH-2.0') }, notes: [silent] })
  assert.deepEqual(greets.roots, [], 'whoever greets is not silent')
  const both = judged({ said: { is: 'bytes', bytes: Buffer.from('SSH-2.0') }, notes: [silent, narrow] })
  assert.equal(both.roots[0]?.verdict.fault, 'PATH_MTU')
})

test('what control saw from this device is the verdict where a session shows nothing, and what it saw well is said', () => {
  const narrow = fixtureFault('PATH_MTU', 'wiki.internal:8080: Large packets are lost on the path.', {
    hop: 'application',
    seen: { saw: ['1280 bytes pass, 1360 are silently dropped'] },
  })
  const [root] = judged({ said: { is: 'silent' }, looked: { well: false, fault: narrow } }).roots
  assert.deepEqual([root?.hop, root?.verdict.fault], ['application', 'PATH_MTU'])
  assert.ok(root!.verdict.seen.includes('1280 bytes pass, 1360 are silently dropped'))
  const told = judged({ said: { is: 'silent' }, notes: [narrow], looked: { well: false, fault: narrow } })
  assert.ok(!told.roots[0]!.verdict.seen.some((line) => line.startsWith('and ')), 'once')
  const silent = fixtureFault('APP_SILENT', 'wiki.internal:8080: silent since noon')
  const why = judged({ said: { is: 'silent' }, notes: [silent], looked: { well: false, fault: narrow } })
  assert.equal(why.roots[0]!.verdict.fault, 'PATH_MTU')
  assert.ok(!why.roots[0]!.verdict.seen.join().includes('silent since noon'), 'it is why nobody is answered')
  const well = judged({ said: { is: 'silent' }, looked: { well: true } })
  const verdict = well.judgements.find(({ check }) => check === 'app-session')!.verdict
  assert.match(JSON.stringify(verdict), /; large packets pass end to end"/)
})
