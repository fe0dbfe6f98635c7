import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { factsOf } from './facts.fixture.ts'
import { ILL, type Illness } from './illnesses.fixture.ts'

/** Of a handshake that does not end: who is named, and to whom the fix goes. */
const WORDS: Partial<Record<Illness, { cause: RegExp; seen: RegExp; fix: RegExp; not?: RegExp }>> = {
  edgeStands: {
    cause: /no handshake of any kind is answered: the edge hangs/,
    seen: /no ClientHello is answered/,
    fix: /^on the edge's machine/,
  },
  edgeDrops: {
    cause: /^The edge accepts connections and closes them at once, unread: it is out of descriptors/,
    seen: /4 other connections are closed at once too, including the one that sends nothing/,
    fix: /^on the edge's machine: backstitch doctor server \(or edge\)$/,
  },
  edgeResets: {
    cause: /^The edge accepts connections and closes them at once, unread/,
    seen: /ECONNRESET/,
    fix: /^on the edge's machine: backstitch doctor server \(or edge\)$/,
  },
  helloDropped: {
    cause: /closed in the middle of the handshake, as is every other one/,
    seen: /like a browser's, is closed without any TLS reply/,
    fix: /^check the edge's log$/,
    not: /descriptors|sends nothing/,
  },
  protocolHeld: {
    cause: /lets browsers' TLS through to the edge but stalls ours/,
    seen: /without our protocol \(ALPN\).* is answered, issuer=/,
    fix: /application control.*backstitch-control\/1/,
  },
  nameHeld: {
    cause: /closes ours because of the name requested/,
    seen: /without the edge's name \(SNI\) is answered/,
    fix: /web filter/,
  },
  otherServerDeclines: {
    cause: /A server other than this tenant's edge/,
    seen: /issuer=CN=Corporate-SSL-Inspection-CA/,
    fix: /issuer CN=Corporate-SSL-Inspection-CA/,
  },
  longAnswersLost: {
    cause: /short replies arrive, the edge's certificate does not/,
    seen: /no ping reply at any size/,
    fix: /mtu 1280/,
  },
}

for (const [illness, { cause, seen, fix, not }] of Object.entries(WORDS)) {
  test(`${illness}: who stops the handshake is named, and the first fix goes to him`, () => {
    const { roots } = diagnose(CHECKS, factsOf(ILL[illness as Illness]))
    const { verdict } = roots[0]!
    assert.match(verdict.cause, cause)
    assert.match(verdict.seen.join('\n'), seen)
    assert.match(verdict.fix[0]!, fix)
    if (not !== undefined) assert.doesNotMatch([verdict.cause, ...verdict.seen].join('\n'), not)
  })
}

test('slow is told as slow: a step that was hardly waited for is unknown, and one that ended well says how long it took', () => {
  const daemon = (code?: string) => ({
    ...factsOf().known.daemon!,
    fault: code === undefined ? undefined : { code, hop: 'edge', detail: 'x' },
  })
  const stalls = (tookMs: number, code?: string) =>
    diagnose(
      CHECKS,
      factsOf({
        known: {
          ...ILL.handshakeStalls.known,
          tls: { ...ILL.handshakeStalls.known.tls, tookMs },
          daemon: daemon(code),
        },
        without: ['answer'],
      }),
    )
  const of = (diagnosis: ReturnType<typeof diagnose>) =>
    diagnosis.judgements.find(({ check }) => check === 'edge-tls')!.verdict
  assert.deepEqual(of(stalls(2000)), {
    is: 'unknown',
    why: 'slow or silent: no answer in 2 s; the daemon waits 10 s',
  })
  const late = of(stalls(7500))
  assert.ok(
    late.is === 'fail' && late.seen.includes('slow or silent: no answer in 7.5 s; the daemon waits 10 s'),
  )
  const met = of(stalls(4000, 'HANDSHAKE_TIMEOUT'))
  assert.ok(met.is === 'fail' && !met.seen.join().includes('slow'), 'the daemon waited for all of it')
  const slow = of(diagnose(CHECKS, factsOf({ known: { tls: { ...factsOf().known.tls!, tookMs: 6200 } } })))
  assert.ok(slow.is === 'pass' && slow.slow === '6.2 s, the daemon waits 10 s')
})
