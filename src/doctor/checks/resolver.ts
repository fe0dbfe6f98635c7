import net from 'node:net'
import { shortageOf, shortageText } from '../../base/shortage.ts'
import { seconds } from '../../base/span.ts'
import type { NameFacts, ServerAnswer } from '../../probe/names.ts'
import type { LinkFacts } from '../../probe/network-link.ts'
import type { ResolverFile } from '../../probe/resolver-file.ts'
import { type Check, check, type Failure, fail, pass, unknown } from '../check.ts'
import type { Patient } from '../patient.ts'
import { noRoute, routerGone } from './no-route.ts'
import { asksResolver, keptBy, sourcesText, toldBy } from './other-way.ts'
import { isProxied } from './proxy.ts'
import { answeredNo, FAILED, nameNotAsked, serverText } from './server-answers.ts'
import { hopOfRole, slowly } from './words.ts'

export const resolver: Check = check({
  name: 'resolver',
  title: 'the resolver, queried for the edge',
  hop: 'edge',
  needs: ['edgeName', 'resolvers'],
  uses: ['link'],
  after: ['link', 'resolver-file'],
  applies: (facts) => !isProxied(facts), // a proxy resolves for us
  judge: ({ edgeName: name, resolvers, link }, facts) => {
    if (net.isIP(name.name) !== 0) return pass('not needed: the edge is an address')
    const own = nameNotAsked(name)
    if (own !== undefined) return own
    if (name.addresses.length > 0) return pass(answerText(name), slowly('name', name.tookMs))
    if (!asksResolver(name))
      return unknown(`no resolver was queried: /etc/nsswitch.conf says ${name.sources?.order.line}`)
    // Who told and who was told nothing is a matter of the name, and comes next.
    if (answeredNo(name) || (keptBy(name, resolvers) !== undefined && toldBy(name).length > 0))
      return pass(answerText(name))
    const common = {
      expected: `an answer for ${name.name}`,
      seen: [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`, ...sourcesText(name)],
      verify: { run: `getent ahosts ${name.name}`, expect: 'STREAM' },
    }
    const mine = ofThisMachine(name, resolvers)
    if (mine !== undefined)
      return fail('RESOLVER_UNREACHABLE', { ...common, hop: hopOfRole(facts.patient.role), ...mine })
    const why = nothingLeaves(name, link)
    if (why !== undefined) return fail('EDGE_UNREACHABLE', { ...common, ...why })
    return fail('RESOLVER_UNREACHABLE', {
      ...common,
      ...resolverFailure(name, resolvers, facts.patient),
    })
  },
})

/** Who said what, and never that somebody answered whom nobody asked. */
function answerText(name: NameFacts): string {
  const answered = name.servers.filter(({ said }) => !FAILED.test(said)).map(({ server }) => server)
  const hosts = name.sources?.hosts ?? []
  const lines = hosts.map(({ line }) => line).join(', ')
  if (hosts.length > 0 && name.addresses.some((one) => hosts.some(({ address }) => address === one))) {
    const asked =
      answered.length > 0
        ? `queried directly, ${answered.join(', ')} answers`
        : 'no resolver answered when queried directly'
    return `not needed: line ${lines} of /etc/hosts has ${name.name}; ${asked}`
  }
  if (answered.length > 0) return `${answered.join(', ')} answers; the name took ${name.tookMs} ms`
  return name.addresses.length > 0
    ? `the name resolves in ${name.tookMs} ms; queried directly: ${name.servers.map(serverText).join('; ') || 'none'}`
    : 'answers'
}

/** Whose resolver file or line it is, and what to do there. */
export function resolverFailure(
  name: NameFacts,
  resolvers: ResolverFile,
  patient: Patient,
): Pick<Failure, 'cause' | 'fix' | 'hop'> {
  const way = keptBy(name, resolvers)
  if (way !== undefined) return { hop: hopOfRole(patient.role), cause: way.who, fix: way.fix }
  const mine = ofThisMachine(name, resolvers)
  if (mine !== undefined) return { hop: hopOfRole(patient.role), ...mine }
  return { cause: resolverCause(name, resolvers), fix: resolverFix(resolvers, name) }
}

/** No resolver has heard a question: this machine sends none, or names nobody. */
function ofThisMachine(
  { servers }: NameFacts,
  { path, is, servers: named, passedOver }: ResolverFile,
): Pick<Failure, 'cause' | 'fix'> | undefined {
  const held = servers.filter(({ said }) => said === 'EPERM' || said === 'EACCES')
  if (held.length > 0 && held.length === servers.length) {
    const at = held.map(({ server }) => server).join(', ')
    return {
      cause: `This machine's firewall blocks queries to ${at} (${held[0]!.said}): no resolver was queried.`,
      fix: held.map(
        ({ server }) =>
          `in this machine's firewall, allow outbound UDP and TCP to ${server} port 53: nft list ruleset`,
      ),
    }
  }
  if (named.length > 0 || passedOver !== undefined || is === 'denied' || is === 'failed') return undefined
  return {
    cause:
      is === 'missing'
        ? `${path} does not exist, so libc queries 127.0.0.1, where no resolver is running.`
        : `${path} names no resolver, so libc queries 127.0.0.1, where no resolver is running.`,
    fix: [`add a resolver that answers to ${path}: nameserver ADDRESS`],
  }
}

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

/** Servers that answer, and later than programs here wait. */
function tooSlow(name: NameFacts, { waitMs = 5000 }: ResolverFile): ServerAnswer | undefined {
  return name.servers.find(({ said, tookMs = 0 }) => !FAILED.test(said) && tookMs > waitMs)
}

export function resolverCause(name: NameFacts, file: ResolverFile): string {
  const { path, servers, waitMs = 5000 } = file
  const slow = tooSlow(name, file)
  if (slow !== undefined)
    return `The resolver ${slow.server} is slow: it answers after ${seconds(slow.tookMs!)}, but programs here wait only ${seconds(waitMs)} for it.`
  if (servers.length === 0) return `${path} names no resolver, so libc queries 127.0.0.1.`
  const said = name.servers.map((answer) => ({ server: answer.server, what: whatItDoes(answer) }))
  const all = new Set(said.map(({ what }) => what))
  const behind = toldBy(name).length === 0 ? '' : ` Through libc, programs here still get ${name.errno}.`
  if (all.size === 0) return `No resolver was queried: ${name.errno}.`
  if (all.size > 1)
    return `The resolver ${said.map(({ server, what }) => `${server} ${what}`).join('; the resolver ')}.${behind}`
  const who = said.length === 1 ? `The resolver ${servers[0]}` : `Each of the resolvers ${servers.join(', ')}`
  return `${who} ${said[0]!.what}.${behind}`
}

/** What a server said, as words about it. */
function whatItDoes({ said, addresses }: ServerAnswer): string {
  if (addresses.length > 0) return 'answers'
  if (shortageOf(said)) return `was not queried: ${shortageText(said)}`
  switch (said) {
    case 'timeout':
      return 'does not answer'
    case 'SERVFAIL':
      return 'answers with a failure: its own path to the zone is broken'
    case 'REFUSED':
      return 'answers but refuses to serve this machine'
    case 'ECONNREFUSED':
      return 'is a machine on which no resolver is running'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `cannot be reached (${said})`
    case 'NXDOMAIN':
    case 'NOERROR':
      return 'answers that the name does not exist'
    default:
      return `said ${said}`
  }
}

export function resolverFix(file: ResolverFile, name?: NameFacts): string[] {
  const { path, servers } = file
  const slow = name && tooSlow(name, file)
  if (slow !== undefined)
    return [
      `find out why ${slow.server} is slow: its load, or the path to it`,
      `until then: options timeout:${Math.ceil(slow.tookMs! / 1000) + 1} in ${path}`,
    ]
  const look = servers[0] === undefined ? [] : [`nc -zvu ${servers[0]} 53`]
  return [...look, `fix the resolver, or configure one that answers in ${path}`]
}
