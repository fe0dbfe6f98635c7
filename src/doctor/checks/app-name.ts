import net from 'node:net'
import { type Check, check, fail, type Judged, pass } from '../check.ts'
import type { AppFacts } from '../facts.ts'
import type { Patient } from '../patient.ts'
import { isWithinNetwork } from './addresses.ts'
import { isBesideIt } from './beside-app.ts'
import { answering, asksResolver, givenBy, keptBy, sourcesText } from './other-way.ts'
import { resolverFailure } from './resolver.ts'
import { answeredNo, nameNotAsked, noNameCause, overriding, serverText } from './server-answers.ts'
import { attemptText, otherText, verifyHealthy } from './words.ts'

export const appName: Check = check({
  name: 'app-name',
  title: "the application's name",
  hop: 'dns',
  applies: isBesideIt,
  needs: ['app', 'resolvers'],
  after: ['link', 'resolver-file', 'resolver'],
  judge: ({ app, resolvers }, { patient }) => {
    const { name } = app
    const own = nameNotAsked(name)
    if (own !== undefined) return own
    if (net.isIP(name.name) !== 0) return pass(name.name)
    const verify = { run: `getent ahosts ${name.name}`, expect: 'STREAM' }
    const seen = [
      ...name.servers.map(serverText),
      `getaddrinfo: ${name.errno ?? name.addresses.join(', ')}`,
      ...sourcesText(name),
    ]
    const expected = `an address for ${name.name}`
    if (name.addresses.length > 0)
      return (
        wrongView(app, seen, patient) ??
        overridden(app, seen, patient) ??
        pass([`${name.name} is ${name.addresses.join(', ')}`, ...sourcesText(name)].join('; '))
      )
    const way = keptBy(name, resolvers)
    const knows = name.servers.find(({ addresses }) => addresses.length > 0)
    if (way !== undefined && (knows || !asksResolver(name))) {
      const cause = knows ? `${way.who} The resolver ${knows.server} knows ${name.name}.` : way.who
      return fail('APP_NAME_NXDOMAIN', { expected, seen, verify, cause, fix: way.fix })
    }
    if (!answeredNo(name)) {
      const { cause, fix } = resolverFailure(name, resolvers, patient)
      return fail('APP_RESOLVER_DOWN', { expected, seen, verify, cause, fix })
    }
    return fail('APP_NAME_NXDOMAIN', {
      expected,
      seen,
      verify,
      cause: noNameCause(name),
      fix: [
        `add a record for ${name.name} to its zone`,
        `or configure a resolver that knows the zone in ${resolvers.path}`,
        `dig +short ${name.name} @INTERNAL-RESOLVER`,
      ],
    })
  },
})

/** An answer of the outside where the inside was meant: by the networks expected, or because resolvers disagree. */
function wrongView({ name, target }: AppFacts, seen: string[], patient: Patient): Judged {
  const { networks } = target
  const outside = networks.length > 0 && !name.addresses.some((address) => isWithinNetwork(address, networks))
  const knows = name.servers.find(
    ({ addresses }) => networks.length > 0 && addresses.some((one) => isWithinNetwork(one, networks)),
  )
  if (!outside) return undefined
  return fail('APP_NAME_WRONG_VIEW', {
    expected: `an address of ${networks.join(', ')} for ${name.name}`,
    seen,
    cause: knows
      ? `Only the resolver ${knows.server} returns the internal address, but another one is queried first.`
      : "This connector's resolver returns an address from another DNS view.",
    fix: [
      knows
        ? `put ${knows.server} first in /etc/resolv.conf`
        : 'configure the resolver of the internal view in /etc/resolv.conf',
    ],
    verify: verifyHealthy(patient),
  })
}

/** It is not reached where programs here look for it, and is there by another source. */
function overridden({ name, attempts, others }: AppFacts, seen: string[], patient: Patient): Judged {
  if (attempts.some(({ is }) => is === 'open')) return undefined
  const way = givenBy(name)
  if (way?.isOtherName) {
    return fail('APP_NAME_NXDOMAIN', {
      expected: `an address for ${name.name}`,
      seen: [...seen, ...attempts.map(attemptText)],
      cause: `${way.who} ${name.addresses.join(', ')}, where nothing answers.`,
      fix: way.fix,
      verify: verifyHealthy(patient),
    })
  }
  const other = answering(others)
  if (other === undefined) return undefined
  return fail('APP_NAME_WRONG_VIEW', {
    expected: `the application's address for ${name.name}`,
    seen: [...seen, ...attempts.map(attemptText), otherText(other)],
    ...overriding({ name, other, way, here: 'where nothing answers' }),
    verify: verifyHealthy(patient),
  })
}

export const appAddress: Check = check({
  name: 'app-address',
  title: "the application's address",
  hop: 'dns',
  applies: isBesideIt,
  needs: ['app'],
  after: ['app-name'],
  judge: ({ app: { name, refused, target } }, { patient }) => {
    // As in a session, one that may be dialled is enough.
    if (refused.length === 0 || refused.length < name.addresses.length)
      return pass(net.isIP(target.host) === 0 ? 'an address a segment may contain' : 'given as an address')
    return fail('ADDRESS_FORBIDDEN', {
      hop: 'dns',
      expected: `an address in the application's network for ${name.name}`,
      seen: name.servers.map(serverText).concat(`getaddrinfo: ${name.addresses.join(', ')}`),
      cause: `A connector may not connect to any of them: ${refused.map(({ address, why }) => `${address} ${why}`).join(', ')}.`,
      fix: [
        `correct the record of ${name.name}`,
        'or, if it is intended, add that network to addressCidrs of the segment (to cidrs, if users enter the address)',
      ],
      verify: verifyHealthy(patient),
    })
  },
})
