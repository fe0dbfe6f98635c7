import net from 'node:net'
import type { LinkFacts } from '../../probe/link.ts'
import type { NameFacts, ResolverFile, ServerAnswer } from '../../probe/names.ts'
import { type Check, check, fail, type Judged, pass } from '../check.ts'
import type { Facts } from '../facts.ts'
import { isPrivateAddress, isSinkhole } from './addresses.ts'
import { noRoute, routerGone } from './no-route.ts'
import { isProxied } from './proxy.ts'
import { verifyHealthy } from './words.ts'

/** Answers that say: I could not find out. Not one of them is about the name. */
const FAILED = /^(timeout|SERVFAIL|REFUSED|NOTIMP|FORMERR|E[A-Z]+)/

export const resolver: Check = check({
  name: 'resolver',
  title: 'the resolver, asked for the edge',
  hop: 'edge',
  needs: ['edgeName', 'resolvers'],
  uses: ['link'],
  after: ['link', 'resolver-file'],
  applies: (facts) => !isProxied(facts), // a proxy resolves for us
  judge: ({ edgeName: name, resolvers, link }) => {
    if (net.isIP(name.name) !== 0) return pass('not needed: the edge is an address')
    if (name.addresses.length > 0) return pass(`answers in ${name.tookMs} ms`)
    if (answeredNo(name)) return pass('answers')
    const common = {
      expected: `an answer for ${name.name}`,
      seen: [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`],
      verify: { run: `getent ahosts ${name.name}`, expect: 'STREAM' },
    }
    const why = nothingLeaves(name, link)
    if (why !== undefined) return fail('EDGE_UNREACHABLE', { ...common, ...why })
    return fail('RESOLVER_UNREACHABLE', {
      ...common,
      cause: resolverCause(name, resolvers),
      fix: resolverFix(resolvers),
    })
  },
})

/** Not one resolver is near enough to be asked: it is the way out of this network, and not they. */
function nothingLeaves(
  { servers }: NameFacts,
  link: LinkFacts | undefined,
): ReturnType<typeof noRoute> | undefined {
  const noDefaultRoute = link !== undefined && link.name === undefined

  if (servers.length === 0) return undefined
  const lost = ({ server, said }: ServerAnswer) =>
    net.isIPv4(server) && (said === 'ENETUNREACH' || (noDefaultRoute && server.startsWith('127.')))
  if (servers.every(lost)) return noRoute('its resolvers')
  const [{ deadRouter }] = servers as [ServerAnswer]
  const all = deadRouter !== undefined && servers.every((server) => server.deadRouter === deadRouter)
  return all ? routerGone(deadRouter, 'its resolvers') : undefined
}

export const edgeName: Check = check({
  name: 'edge-name',
  title: 'the name of the edge',
  hop: 'edge',
  needs: ['edgeName'],
  uses: ['tls', 'tcp'],
  after: ['resolver'],
  applies: (facts) => !isProxied(facts),
  judge: (known, facts) => {
    const name = known.edgeName
    if (net.isIP(name.name) !== 0) return pass(name.name)
    if (name.addresses.length === 0) return noSuchName(name, facts)
    return hijacked(name, facts) ?? pass(`${name.name} is ${name.addresses.join(', ')}`)
  },
})

function noSuchName(name: NameFacts, { patient }: Facts): Judged {
  return fail('EDGE_NAME_NXDOMAIN', {
    expected: `an address for ${name.name}`,
    seen: [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`],
    cause:
      `The resolver answers, and says that there is no ${name.name}. ${patient.edge ? `The name comes from ${patient.edge.source}.` : ''}`.trim(),
    fix: [
      `add an address record for ${name.name} to the zone`,
      'or name a resolver that knows it in /etc/resolv.conf',
    ],
    verify: { run: `getent ahosts ${name.name}`, expect: 'STREAM' },
  })
}

/** Who answers in place of the owner shows by an address that no edge has, or by who is met at a private one. */
function hijacked(name: NameFacts, { known, patient }: Facts): Judged {
  const { tls, tcp } = known
  const anEdge =
    tls !== undefined && tls.chain.length > 0 && tls.fault === undefined && tls.broken === undefined
  if (anEdge || isLocalName(name.name)) return undefined
  const sinks = name.addresses.filter(isSinkhole)
  const met = tls?.chain[0]
  const strangers =
    name.addresses.every(isPrivateAddress) && (tls?.fault?.code === 'TLS_INTERCEPTED' || tls?.plain)
  if (sinks.length === 0 && !(strangers && isPublicName(name.name))) return undefined
  const reached = tcp?.attempts.find(({ is }) => is === 'open')
  return fail('EDGE_NAME_HIJACKED', {
    expected: `the address of the edge for ${name.name}`,
    seen: [
      ...name.servers.map(serverText),
      `getaddrinfo: ${name.addresses.join(', ')}`,
      met
        ? `there answers: issuer ${met.issuer}`
        : reached
          ? 'there answers no edge'
          : 'nobody answers there',
    ],
    cause: `A resolver gives ${sinks.length > 0 ? 'a sinkhole address' : 'a private address for a public name'} in place of that of the edge.`,
    fix: [
      `exempt ${name.name} in the DNS filter of this network`,
      `dig +short ${name.name} @${name.servers[0]?.server ?? 'RESOLVER'}`,
    ],
    verify: verifyHealthy(patient),
  })
}

/** One server's answer as evidence. */
export function serverText({ server, said, addresses, ttlSeconds, deadRouter }: ServerAnswer): string {
  const router = deadRouter === undefined ? '' : `, next hop ${deadRouter} does not answer`
  if (addresses.length === 0) return `${server} said ${said}${router}`
  return `${server} said ${addresses.join(', ')}${ttlSeconds === undefined ? '' : `, TTL ${ttlSeconds} s`}`
}

/** Did a resolver answer about the name, in the negative? */
export function answeredNo(name: NameFacts): boolean {
  return (
    name.errno === 'ENOTFOUND' &&
    (name.servers.length === 0 || name.servers.some(({ said }) => !FAILED.test(said)))
  )
}

export function resolverCause(name: NameFacts, { path, servers }: ResolverFile): string {
  if (servers.length === 0) return `${path} names no resolver.`
  const said = new Set(name.servers.map((answer) => answer.said))
  const who =
    servers.length === 1 ? `The resolver ${servers[0]}` : `Each of the resolvers ${servers.join(', ')}`
  if (said.has('SERVFAIL')) return `${who} is there and fails to find out: its own way to the zone is broken.`
  if (said.has('REFUSED')) return `${who} is there and refuses to answer this machine.`
  if (said.has('ECONNREFUSED')) return `${who} is a machine on which no resolver runs.`
  return `${who} gives no answer.`
}

export function resolverFix({ path, servers }: ResolverFile): string[] {
  const look = servers[0] === undefined ? [] : [`nc -zvu ${servers[0]} 53`]
  return [...look, `repair the resolver, or name one that answers in ${path}`]
}

function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Names that are private by convention or by RFC 6761, 6762, 8375, 9476 may well have private addresses. */
function isPublicName(name: string): boolean {
  const last = name.replace(/\.$/, '').split('.')
  if (last.length < 2) return false
  return !/^(internal|local|lan|corp|home|arpa|test|example|invalid|intranet|private)$/.test(last.at(-1)!)
}
