import net from 'node:net'
import { hostPort } from '../../link/egress.ts'
import { mayDial } from '../../policy/meant-networks.ts'
import type { Stall } from '../../probe/stalls.ts'
import type { TcpFacts } from '../../probe/tcp.ts'
import { type Check, check, type Failure, fail, type Judged, pass, unknown } from '../check.ts'
import type { AppFacts, Patient } from '../facts.ts'
import { isWithin } from './addresses.ts'
import { answeredNo, resolverCause, resolverFix, serverText } from './names.ts'
import { attemptText, mtuFix, verifyHealthy } from './words.ts'

/** What every path takes. */
const MIN_MTU = 1280

export const appName: Check = check({
  name: 'app-name',
  title: 'the name of the application',
  hop: 'dns',
  applies: ({ patient }) => patient.app !== undefined,
  needs: ['app', 'resolvers'],
  after: ['link', 'resolver-file', 'resolver'],
  judge: ({ app, resolvers }, { patient }) => {
    const { name } = app
    if (net.isIP(name.name) !== 0) return pass(name.name)
    const verify = { run: `getent ahosts ${name.name}`, expect: 'STREAM' }
    const seen = [...name.servers.map(serverText), `getaddrinfo: ${name.errno ?? name.addresses.join(', ')}`]
    const expected = `an address for ${name.name}`
    if (name.addresses.length > 0)
      return wrongView(app, seen, patient) ?? pass(`${name.name} is ${name.addresses.join(', ')}`)
    if (!answeredNo(name)) {
      return fail('APP_RESOLVER_DOWN', {
        expected,
        seen,
        verify,
        cause: resolverCause(name, resolvers),
        fix: resolverFix(resolvers),
      })
    }
    return fail('APP_NAME_NXDOMAIN', {
      expected,
      seen,
      verify,
      cause: `The resolver of this connector answers, and says that there is no ${name.name}.`,
      fix: [
        `add the record of ${name.name} to its zone`,
        `or name a resolver that knows the zone in ${resolvers.path}`,
        `dig +short ${name.name} @INTERNAL-RESOLVER`,
      ],
    })
  },
})

/** An answer of the outside where the inside was meant: by the networks expected, or because resolvers disagree. */
function wrongView({ name, target }: AppFacts, seen: string[], patient: Patient): Judged {
  const { networks } = target
  const outside = networks.length > 0 && !name.addresses.some((address) => isWithin(address, networks))
  const knows = name.servers.find(
    ({ addresses }) => networks.length > 0 && addresses.some((one) => isWithin(one, networks)),
  )
  if (!outside) return undefined
  return fail('APP_NAME_WRONG_VIEW', {
    expected: `an address of ${networks.join(', ')} for ${name.name}`,
    seen,
    cause: knows
      ? `Only the resolver ${knows.server} gives the internal address, and another one is asked first.`
      : 'The resolver of this connector gives an address of another view of the zone.',
    fix: [
      knows
        ? `name ${knows.server} first in /etc/resolv.conf`
        : 'name the resolver of the internal view in /etc/resolv.conf',
    ],
    verify: verifyHealthy(patient),
  })
}

export const appAddress: Check = check({
  name: 'app-address',
  title: 'the address of the application',
  hop: 'dns',
  applies: ({ patient }) => patient.app !== undefined,
  needs: ['app'],
  after: ['app-name'],
  judge: ({ app: { name, target } }, { patient }) => {
    const special = name.addresses.filter((address) => !mayDial(address, target.networks))
    if (special.length === 0)
      return pass(net.isIP(target.host) === 0 ? 'one that a segment may have' : 'given as an address')
    return fail('ADDRESS_FORBIDDEN', {
      hop: 'dns',
      expected: `an address of the application's network for ${name.name}`,
      seen: name.servers.map(serverText).concat(`getaddrinfo: ${name.addresses.join(', ')}`),
      cause: `${special.join(', ')} is this machine itself, a special address, or no machine at all; a connector does not connect there.`,
      fix: [
        `correct the record of ${name.name}`,
        'or, if it is meant, add that network to the CIDRs of the segment',
      ],
      verify: verifyHealthy(patient),
    })
  },
})

export const appPort: Check = check({
  name: 'app-port',
  title: 'TCP to the application',
  hop: 'application',
  applies: ({ patient }) => patient.app !== undefined,
  needs: ['app'],
  after: ['security-policy', 'link', 'app-address'],
  judge: ({ app }, { patient }) => {
    const open = app.attempts.find(({ is }) => is === 'open')
    if (open !== undefined) return pass(attemptText(open))
    return app.attempts.length === 0 ? unknown('no address to try') : closed(app, patient)
  },
})

function closed({ attempts, neighbours, target, returnPath }: AppFacts, patient: Patient): Judged {
  const where = hostPort(target)
  const answering = neighbours.filter(({ is }) => is === 'open')
  const inSegment = ({ port }: TcpFacts) =>
    target.ports?.some(([from, to]) => from <= port && port <= to) ?? false
  const sibling = answering.find(inSegment)
  const other = sibling === undefined ? answering[0] : undefined
  const asWell = sibling && `port ${sibling.port}, which the segment has too, answers: use that one`
  const seen = [...attempts.map(attemptText), ...answering.map(attemptText)]
  const verify = { run: `nc -zv -w 4 ${target.host} ${target.port}`, expect: 'succeeded' }
  const common = { expected: `a connection to ${where}`, seen, verify }
  const [first] = attempts
  if (other !== undefined) {
    return fail('SEGMENT_PORT_MISMATCH', {
      ...common,
      cause: `Nothing answers on port ${target.port}, but the application answers on ${other.port}.`,
      fix: [
        `let the application listen on ${target.port}`,
        `or declare port ${other.port} in the segment that backstitch describe segment NAME shows, and use that one`,
      ],
      verify: verifyHealthy(patient),
    })
  }
  if (attempts.some(({ is }) => is === 'refused')) {
    return fail('APP_REFUSED', {
      ...common,
      cause: `The machine is there and refuses: nothing listens on port ${target.port}, or a firewall rejects.`,
      fix: [
        ...(asWell ? [asWell] : []),
        `on the machine of the application: ss -ltn 'sport = :${target.port}'`,
        'start the application',
      ],
    })
  }
  if (returnPath !== undefined) {
    const { filtered, route } = returnPath
    const counted = `${filtered} ${filtered === 1 ? 'answer' : 'answers'} dropped by the return path filter meanwhile`
    return fail('RETURN_PATH_ASYMMETRIC', {
      ...common,
      seen: [...seen, counted, ...(route === undefined ? [] : [`ip route get: ${route}`])],
      fix: [
        `on the side of the application: route the source address of this connector back the way the request came`,
        `ip route get ${first!.address}`,
      ],
    })
  }
  if (attempts.some(({ is }) => is === 'silent' || is === 'prohibited')) {
    const forbidden = attempts.some(({ is }) => is === 'prohibited')
    return fail(forbidden ? 'APP_UNREACHABLE' : 'APP_TIMEOUT', {
      ...common,
      cause: forbidden
        ? 'Somebody on the way forbids the connection: a firewall that rejects.'
        : 'The first packet gets no answer: a firewall drops it, or the machine is off.',
      fix: [
        ...(asWell ? [asWell] : []),
        `allow TCP from this connector to ${first!.address} port ${target.port}`,
      ],
    })
  }
  return fail('APP_UNREACHABLE', {
    ...common,
    cause: 'There is no way to this address from here.',
    fix: [`ip route get ${first!.address}`],
  })
}

export const appTls: Check = check({
  name: 'app-tls',
  title: 'the certificate name of the application',
  hop: 'application',
  applies: ({ patient }) => patient.app !== undefined,
  needs: ['app'],
  after: ['app-port'],
  judge: ({ app: { tls, target } }) => {
    if (tls === undefined) return undefined
    if (tls.fits) return pass(`has ${target.host}`)
    // About the name alone: whether the chain is trusted is the affair of the programs that connect.
    const run = `openssl s_client -connect ${hostPort(target)} -servername ${target.host} </dev/null 2>/dev/null | openssl x509 -noout -checkhost ${target.host}`
    return fail('APP_TLS_NAME', {
      expected: `a certificate for ${target.host}`,
      seen: [`subject=${tls.subject}`, `names: ${tls.names || 'none'}`],
      cause: `The certificate that answers for ${target.host} does not have that name, so programs refuse it.`,
      fix: [
        `add ${target.host} to the certificate`,
        'or use a name that it has, and declare that in the segment',
      ],
      verify: { run, expect: 'does match certificate' },
    })
  },
})

export const appMtu: Check = check({
  name: 'app-mtu',
  title: 'large packets to the application',
  hop: 'application',
  applies: ({ patient }) => patient.app !== undefined,
  needs: ['app'],
  after: ['app-port'],
  judge: ({ app: { ping, stalls = [] } }, { patient }) => {
    const [stall] = stalls
    if (stall !== undefined) return stalled(stall, stalls, patient)
    if (ping === undefined) return undefined
    const { throughBytes, lostBytes, toldMtu, address, saw } = ping
    if (throughBytes === undefined) return unknown('the machine of the application answers no ping')
    if (lostBytes === undefined) return pass(`${throughBytes} bytes pass`)
    // Whoever is told the limit keeps to it; only a loss in silence stops transfers.
    if (toldMtu !== undefined) return pass(`${toldMtu} bytes pass, and senders are told so`)
    return fail('PATH_MTU', {
      hop: 'application',
      expected: `packets of 1500 bytes to ${address}, or to be told the limit`,
      seen: [saw, `${throughBytes} bytes pass, ${lostBytes} are lost in silence`],
      cause: `The way to the application loses packets over ${throughBytes} bytes without a word: large transfers stand still.`,
      fix: mtuFix(throughBytes),
      verify: verifyHealthy(patient),
    })
  },
})

/** No echo comes back at any size, so TCP is asked: the port opened just now, and what is sent on open ones is lost. */
function stalled(stall: Stall, stalls: readonly Stall[], patient: Patient): Failure {
  return fail('PATH_MTU', {
    hop: 'application',
    expected: `packets of ${stall.packetBytes} bytes acknowledged by ${stall.peer}`,
    seen: [
      ...stalls.map(({ saw }) => saw),
      'a new connection to it opens, and no echo comes back at any size',
    ],
    cause: `The application takes connections, and packets of up to ${stall.packetBytes} bytes are sent to it again and again: long ones are lost on the way.`,
    fix: mtuFix(MIN_MTU),
    verify: verifyHealthy(patient),
  })
}
