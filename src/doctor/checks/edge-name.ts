import net from 'node:net'
import type { Fault } from '../../base/faults.ts'
import type { NameFacts } from '../../probe/names.ts'
import type { ResolverFile } from '../../probe/resolver-file.ts'
import { type Check, check, fail, type Judged, pass } from '../check.ts'
import type { Facts } from '../facts.ts'
import { isPrivateAddress, isSinkhole } from './addresses.ts'
import { answering, givenBy, keptBy, sourcesText } from './other-way.ts'
import { isProxied } from './proxy.ts'
import { nameNotAsked, noNameCause, overriding, serverText } from './server-answers.ts'
import { attemptText, hopOfRole, otherText, verifyHealthy } from './words.ts'

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

/** Whoever answers there is not the edge of this tenant. */
function isStranger(fault: Fault | undefined): boolean {
  return fault?.code === 'TLS_INTERCEPTED' || fault?.code === 'PIN_MISMATCH'
}

/** Who answers in place of the owner shows by an address that no edge has, or by who is met at a private one. */
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

function isLocalName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

/** Names that are private by convention or by RFC 6761, 6762, 8375, 9476 may well have private addresses. */
function isPublicName(name: string): boolean {
  const last = name.replace(/\.$/, '').split('.')
  if (last.length < 2) return false
  return !/^(internal|local|lan|corp|home|arpa|test|example|invalid|intranet|private)$/.test(last.at(-1)!)
}
