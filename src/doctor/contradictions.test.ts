import assert from 'node:assert/strict'
import os from 'node:os'
import { test } from 'node:test'
import type { NameSources } from '../probe/name-sources.ts'
import type { NameFacts, ServerAnswer } from '../probe/names.ts'
import { endOf, type TcpFacts } from '../probe/tcp.ts'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { type Change, changed, factsOf, NO_WAY, tcp } from './facts.fixture.ts'
import type { AppFacts, OtherTcp } from './facts.ts'
import { ILL } from './illnesses.fixture.ts'

/**
 * What a cause says, and what may not stand in its own evidence, or must. Each row is a claim about somebody who can be
 * asked: over all facts below, no cause makes one that what it shows denies.
 */
const CLAIMS: readonly { says: RegExp; never?: RegExp; needs?: RegExp }[] = [
  {
    says: /The resolver answers that \S+ does not exist/,
    needs: /said (?:NXDOMAIN|NOERROR)/,
    never: /said \d/,
  },
  {
    says: /The resolvers disagree/,
    needs: /said \d[\s\S]*said (?:NXDOMAIN|NOERROR)|said (?:NXDOMAIN|NOERROR)[\s\S]*said \d/,
  },
  { says: /Queried directly, the resolver/, needs: /said \d[\s\S]*getaddrinfo: E/ },
  { says: /queries no resolver/, needs: /nsswitch\.conf: hosts: / },
  { says: /Lines? [\d, ]+ of \/etc\/hosts returns/, needs: /of \/etc\/hosts: / },
  { says: /resolver returns (\S+), which answers/, needs: /said \d[\s\S]*connected in \d+ ms/ },
  { says: /still answers/, needs: /connected in \d+ ms/ },
  { says: /where nothing answers/, never: /^203\.0\.113\.7:443 connected/m },
  { says: /with the search domain (\S+) appended/, needs: / is \d[\s\S]*|said NXDOMAIN/ },
  { says: /The cache \S+ (?:returns|has a negative entry)/, needs: /caches on this machine/ },
  { says: /a firewall on the path drops it|a firewall drops (?:it|the packets)/, needs: /no answer in/ },
  { says: /is refused at once|The machine is up and refuses/, needs: /ECONNREFUSED|ECONNRESET/ },
  { says: /Blocked by a firewall on the path/, needs: /EHOSTUNREACH|EPERM|EACCES/ },
  {
    says: /This address is unreachable/,
    never: /EMFILE|ENFILE|ENOMEM|ENOBUFS|EADDRNOTAVAIL|EAGAIN|connected in/,
  },
  { says: /has no route to/, needs: /ENETUNREACH|said SERVFAIL|no route/ },
]

/** Claims about resolvers by their addresses: each must have said so, in the same evidence. */
const SAID_BY: readonly (readonly [words: string, said: RegExp])[] = [
  ['does not answer', / said timeout/],
  ['is a machine on which no resolver is running', / said ECONNREFUSED/],
  ['answers but refuses to serve this machine', / said REFUSED/],
  ['answers with a failure', / said SERVFAIL/],
  ['answers that the name does not exist', / said (?:NXDOMAIN|NOERROR)/],
  ['answers(?=[.;])', / said \d/],
  ['cannot be reached', / said E\w+UNREACH/],
  ['was not asked', / said EMFILE/],
  ['says that there is no', / said (?:NXDOMAIN|NOERROR)/],
  ['knows', / said \d/],
]
const LISTED = String.raw`((?:\d+\.){3}\d+(?:, (?:\d+\.){3}\d+)*) `

/** The line of each server that the cause names must say what the cause says of it. */
function assertSaidBy(cause: string, seen: string, shown: string): void {
  for (const [words, said] of SAID_BY) {
    for (const [, list] of cause.matchAll(new RegExp(`${LISTED}${words}`, 'g'))) {
      for (const one of list!.split(', ')) {
        const line = seen.split('\n').find((text) => text.startsWith(`${one} said `))
        assert.match(line ?? `${one} was not heard`, said, shown)
      }
    }
  }
}

const SERVER_SAYS = [
  'NOERROR',
  'NXDOMAIN',
  'SERVFAIL',
  'REFUSED',
  'timeout',
  'ECONNREFUSED',
  'ENETUNREACH',
  'EMFILE',
]
const server = (at: string, said: string): ServerAnswer => ({
  server: at,
  said,
  addresses: said === 'NOERROR' ? ['203.0.113.8'] : [],
})
const SERVERS: ServerAnswer[][] = [
  ...SERVER_SAYS.map((said) => [server('10.20.0.53', said)]),
  ...SERVER_SAYS.flatMap((one) =>
    SERVER_SAYS.map((other) => [server('10.20.0.53', one), server('10.20.0.54', other)]),
  ),
]
const SYSTEM: Pick<NameFacts, 'addresses' | 'errno'>[] = [
  { addresses: ['203.0.113.7'] },
  { addresses: ['203.0.113.8'] },
  ...['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'timeout', 'EMFILE', 'EAI_MEMORY'].map((errno) => ({
    addresses: [],
    errno,
  })),
]
const NONE = { hosts: [], caches: [], ordering: [], unread: [] }
const USUAL = { line: 'hosts: files dns', services: ['files', 'dns'] }
const SOURCES: NameSources[] = [
  { ...NONE, order: USUAL },
  { ...NONE, order: USUAL, hosts: [{ line: 3, address: '203.0.113.7', names: ['edge.example.com'] }] },
  { ...NONE, order: USUAL, caches: ['nscd'] },
  { ...NONE, order: { line: 'hosts: files', services: ['files'] } },
  {
    ...NONE,
    order: {
      line: 'hosts: files mdns4 [NOTFOUND=return] dns',
      services: ['files', 'mdns4', 'dns'],
    },
  },
]
const OTHERS: OtherTcp[][] = [
  [],
  [{ ...tcp('open', { address: '203.0.113.8' }), source: 'the resolver 10.20.0.53 says so' }],
  [{ ...tcp('silent', { address: '203.0.113.9' }), source: 'the edge was reached there' }],
]
const attempt = (errno: string): TcpFacts =>
  errno === '' ? tcp('open') : tcp(endOf(errno, '203.0.113.7', 3), { errno })
const ERRNOS = ['', ...Object.keys(os.constants.errno)]

function* edges(): Generator<Change> {
  for (const change of Object.values(ILL)) yield change
  for (const errno of ERRNOS) yield { known: { tcp: way([attempt(errno)], []) }, without: NO_WAY }
  for (const servers of SERVERS) {
    for (const system of SYSTEM) {
      for (const sources of SOURCES) {
        const bySearch =
          system.addresses[0] === '203.0.113.7' &&
          servers[0]!.addresses.length === 0 &&
          sources === SOURCES[0]
            ? { domain: 'corp.lab', addresses: system.addresses }
            : undefined
        const edgeName = { name: 'edge.example.com', tookMs: 9, ...system, servers, sources, bySearch }
        const resolvers = changed('resolvers', { servers: servers.map((one) => one.server) })
        if (system.addresses.length === 0) {
          yield { known: { edgeName, resolvers }, without: ['tcp', 'dial', ...NO_WAY] }
          continue
        }
        for (const others of OTHERS) {
          const attempts = [attempt('ETIMEDOUT')].map((one) => ({ ...one, address: system.addresses[0]! }))
          yield { known: { edgeName, resolvers, tcp: way(attempts, others) }, without: NO_WAY }
        }
      }
    }
  }
}

/** The same facts, of an application. */
function* applications(): Generator<Change> {
  const target = { host: 'edge.example.com', port: 443, networks: [] }
  const app = (o: Pick<AppFacts, 'name' | 'attempts' | 'others'>): AppFacts => ({
    ...{ target, refused: [], neighbours: [] },
    ...o,
  })
  for (const { known = {} } of edges()) {
    const { edgeName, tcp: found, resolvers } = known
    if (edgeName === undefined && found === undefined) continue
    const name = edgeName ?? factsOf().known.edgeName!
    const attempts = name.addresses.length === 0 ? [] : (found?.attempts ?? [tcp('open')])
    const facts = { app: app({ name, attempts, others: found?.others }), ...(resolvers && { resolvers }) }
    yield { known: facts, patient: { app: target } }
  }
}

function way(attempts: readonly TcpFacts[], others: readonly OtherTcp[]) {
  return { host: 'edge.example.com', attempts, others, proxies: [] }
}

test('no cause says what its own evidence denies', () => {
  const said = new Set<number>()
  let causes = 0
  for (const changes of [edges(), applications()]) {
    for (const change of changes) {
      for (const { verdict } of diagnose(CHECKS, factsOf(change)).judgements) {
        if (verdict.is !== 'fail') continue
        causes++
        const seen = verdict.seen.join('\n')
        const shown = `${verdict.fault}: ${verdict.cause}\n${seen}`
        assert.doesNotMatch(shown, /undefined|\[object|NaN/)
        assertSaidBy(verdict.cause, seen, shown)
        for (const [at, { says, never, needs }] of CLAIMS.entries()) {
          if (!says.test(verdict.cause)) continue
          said.add(at)
          if (never !== undefined) assert.doesNotMatch(seen, never, shown)
          if (needs !== undefined) assert.match(seen, needs, shown)
        }
      }
    }
  }
  assert.ok(causes > 2000, `${causes} causes`)
  const unsaid = CLAIMS.filter((_, at) => !said.has(at)).map(({ says }) => String(says))
  assert.deepEqual(unsaid, [], 'every claim is made by some facts')
})
