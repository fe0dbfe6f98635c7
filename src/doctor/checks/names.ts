import net from 'node:net'
import type { Fault } from '../../base/faults.ts'
import { shortageOf, shortageText } from '../../base/shortage.ts'
import { seconds } from '../../base/span.ts'
import type { NameFacts, ServerAnswer } from '../../probe/names.ts'
import type { LinkFacts } from '../../probe/network-link.ts'
import type { ResolverFile } from '../../probe/resolver-file.ts'
import { type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { Facts, OtherTcp } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { isPrivateAddress, isSinkhole } from './addresses.ts'
import { noRoute, routerGone } from './no-route.ts'
import { answering, asksResolver, givenBy, keptBy, type OtherWay, sourcesText, toldBy } from './other-way.ts'
import { isProxied } from './proxy.ts'
import { attemptText, hopOfRole, otherText, slowly, verifyHealthy } from './words.ts'

/** An answer that is worth saying when it came. */
const SLOW_ANSWER_MS = 1000

/** Answers that say: I could not find out. Not one of them is about the name. */
const FAILED = /^(timeout|SERVFAIL|REFUSED|NOTIMP|FORMERR|E[A-Z]+|unknown|not a name)/

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

/** This process lacked what it takes: no resolver was heard, and none is to blame. */
export function nameNotAsked({ name, errno }: NameFacts): Judged {
  return shortageOf(errno) && unknown(`${name} was not looked up: ${shortageText(errno!)}`)
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

export const edgeName: Check = check({
  name: 'edge-name',
  title: "the edge's name",
  hop: 'edge',
  needs: ['edgeName', 'resolvers'],
  uses: ['tls', 'tcp'],
  after: ['resolver'],
  applies: (facts) => !isProxied(facts),
  judge: (known, facts) => {
    const name = known.edgeName
    if (net.isIP(name.name) !== 0) return pass(name.name)
    const own = nameNotAsked(name)
    if (own !== undefined) return own
    if (name.addresses.length === 0) return noSuchName(name, known.resolvers, facts)
    return (
      hijacked(name, facts) ??
      overridden(name, facts) ??
      pass([`${name.name} is ${name.addresses.join(', ')}`, ...sourcesText(name)].join('; '))
    )
  },
})

function noSuchName(name: NameFacts, resolvers: ResolverFile, { patient }: Facts): Judged {
  const way = keptBy(name, resolvers)
  const knows = name.servers.find(({ addresses }) => addresses.length > 0)
  const common = {
    expected: `an address for ${name.name}`,
    seen: [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`, ...sourcesText(name)],
    verify: { run: `getent ahosts ${name.name}`, expect: 'STREAM' },
  }
  if (way !== undefined) {
    return fail('EDGE_NAME_NXDOMAIN', {
      ...common,
      hop: hopOfRole(patient.role),
      cause: knows ? `${way.who} The resolver ${knows.server} knows ${name.name}.` : way.who,
      fix: way.fix,
    })
  }
  return fail('EDGE_NAME_NXDOMAIN', {
    ...common,
    cause: `${noNameCause(name)} ${patient.edge ? `The name comes from ${patient.edge.source}.` : ''}`.trim(),
    fix: [
      `add an address record for ${name.name} to the zone`,
      'or configure a resolver that knows it in /etc/resolv.conf',
    ],
  })
}

/** No address, by whose word: of those that were asked directly, or of libc alone. */
export function noNameCause(name: NameFacts): string {
  const knows = name.servers.filter(({ addresses }) => addresses.length > 0)
  const not = name.servers.filter(({ said, addresses }) => addresses.length === 0 && !FAILED.test(said))
  const at = (servers: readonly ServerAnswer[]) => servers.map(({ server }) => server).join(', ')
  if (knows.length > 0 && not.length > 0)
    return `The resolvers disagree: ${at(not)} reports that ${name.name} does not exist, but ${at(knows)} knows it; the first answer counts.`
  if (knows.length > 0)
    return `Queried directly, the resolver ${at(knows)} knows ${name.name}, but libc tells programs here that it does not exist (${name.errno}): something in between caches an older answer.`
  return `The resolver answers that ${name.name} does not exist.`
}

/**
 * What programs get leads to no edge, and another source gives an address that answers: something on this machine
 * stands before the resolver, or the record was changed.
 */
function overridden(name: NameFacts, { known: { tls, tcp }, patient }: Facts): Judged {
  if (tls !== undefined && tls.chain.length > 0 && tls.fault === undefined && tls.broken === undefined)
    return undefined
  const way = givenBy(name)
  if (way?.isOtherName) {
    return fail('EDGE_NAME_NXDOMAIN', {
      expected: `an address for ${name.name}`,
      seen: [
        ...name.servers.map(serverText),
        `getaddrinfo: ${name.addresses.join(', ')}`,
        ...sourcesText(name),
      ],
      cause: `${way.who} ${name.addresses.join(', ')}, where no edge answers.`,
      fix: way.fix,
      verify: verifyHealthy(patient),
    })
  }
  const other = answering(tcp?.others)
  if (tcp === undefined || other === undefined) return undefined
  const stands = tcp.attempts.some(({ is }) => is === 'open')
  // Where a connection stands and nothing on this machine explains the address, who answers there is the question.
  if (stands && way === undefined) return undefined
  const given = name.addresses.join(', ')
  const here = stands ? 'where something other than the edge answers' : 'where nothing answers'
  return fail('EDGE_NAME_HIJACKED', {
    hop: way === undefined ? 'edge' : hopOfRole(patient.role),
    expected: `the edge's address for ${name.name}`,
    seen: [
      ...name.servers.map(serverText),
      `getaddrinfo: ${given}`,
      ...sourcesText(name),
      ...tcp.attempts.map(attemptText),
      otherText(other),
    ],
    ...overriding({ name, other, way, here }),
    verify: verifyHealthy(patient),
  })
}

/** The words of it, for edges and applications. */
export function overriding(o: {
  readonly name: NameFacts
  readonly other: OtherTcp
  readonly way: OtherWay | undefined
  /** What is met at the address that programs get. */
  readonly here: string
}): Pick<Failure, 'cause' | 'fix'> {
  const { name, other, way, here } = o
  const given = name.addresses.join(', ')
  const fromResolver = toldBy(name).includes(other.address)
  if (way !== undefined) {
    const instead = fromResolver ? 'the resolver returns' : 'previously, the name resolved to'
    return {
      cause: `${way.who} ${given}, ${here}; ${instead} ${other.address}, which answers.`,
      fix: way.fix,
    }
  }
  if (fromResolver) {
    return {
      cause: `Programs here get ${given}, ${here}; a resolver returns ${other.address}, which answers.`,
      fix: [`make every resolver in /etc/resolv.conf return ${other.address} for ${name.name}`],
    }
  }
  return {
    cause: `The record of ${name.name} was changed: it resolves to ${given}, ${here}; its previous address ${other.address} still answers.`,
    fix: [
      `set the record of ${name.name} back to ${other.address}`,
      `or, if the edge has moved to ${given}: start it there`,
    ],
  }
}

/** Who answers in place of the owner shows by an address that no edge has, or by who is met at a private one. */
/** Whoever answers there is not the edge of this tenant. */
function isStranger(fault: Fault | undefined): boolean {
  return fault?.code === 'TLS_INTERCEPTED' || fault?.code === 'PIN_MISMATCH'
}

function hijacked(name: NameFacts, { known, patient }: Facts): Judged {
  const { tls, tcp } = known
  const anEdge =
    tls !== undefined && tls.chain.length > 0 && tls.fault === undefined && tls.broken === undefined
  if (anEdge || isLocalName(name.name)) return undefined
  const sinks = name.addresses.filter(isSinkhole)
  const met = tls?.chain[0]
  const strangers = name.addresses.every(isPrivateAddress) && (isStranger(tls?.fault) || tls?.plain)
  if (sinks.length === 0 && !(strangers && isPublicName(name.name))) return undefined
  const reached = tcp?.attempts.find(({ is }) => is === 'open')
  return fail('EDGE_NAME_HIJACKED', {
    expected: `the edge's address for ${name.name}`,
    seen: [
      ...name.servers.map(serverText),
      `getaddrinfo: ${name.addresses.join(', ')}`,
      met
        ? `a server answers there: issuer ${met.issuer}`
        : reached
          ? 'no edge answers there'
          : 'nothing answers there',
    ],
    cause: `A resolver returns ${sinks.length > 0 ? 'a sinkhole address' : 'a private address for a public name'} instead of the edge's address.`,
    fix: [
      `exempt ${name.name} in this network's DNS filter`,
      `dig +short ${name.name} @${name.servers[0]?.server ?? 'RESOLVER'}`,
    ],
    verify: verifyHealthy(patient),
  })
}

/** One server's answer as evidence. */
export function serverText({
  server,
  said,
  addresses,
  ttlSeconds,
  deadRouter,
  tookMs = 0,
}: ServerAnswer): string {
  const late = said !== 'timeout' && tookMs >= SLOW_ANSWER_MS ? ` after ${seconds(tookMs)}` : ''
  const router = deadRouter === undefined ? '' : `, next hop ${deadRouter} does not answer`
  if (addresses.length === 0) return `${server} said ${said}${late}${router}`
  return `${server} said ${addresses.join(', ')}${ttlSeconds === undefined ? '' : `, TTL ${ttlSeconds} s`}${late}`
}

/** Did a resolver answer about the name, in the negative? */
export function answeredNo(name: NameFacts): boolean {
  return (
    name.errno === 'ENOTFOUND' && asksResolver(name) && name.servers.some(({ said }) => !FAILED.test(said))
  )
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

function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Names that are private by convention or by RFC 6761, 6762, 8375, 9476 may well have private addresses. */
function isPublicName(name: string): boolean {
  const last = name.replace(/\.$/, '').split('.')
  if (last.length < 2) return false
  return !/^(internal|local|lan|corp|home|arpa|test|example|invalid|intranet|private)$/.test(last.at(-1)!)
}
