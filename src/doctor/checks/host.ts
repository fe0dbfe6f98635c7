import { hostPort } from '../../base/host-port.ts'
import { span } from '../../base/span.ts'
import { blind, type Check, check, fail, pass, unknown } from '../check.ts'
import type { EdgeHost } from '../host-look.ts'
import type { Patient } from '../patient.ts'
import { areUsedUp, outOfDescriptors } from './load.ts'
import { askAsRoot, isOfAnother } from './machine.ts'
import { answeredNo, serverText } from './names.ts'
import { attemptText, unitOf, verifyHealthy } from './words.ts'

const FULL = 0.95
const SOON_MS = 86_400_000

const hostOf = ({ host }: Patient): EdgeHost => host! // `applies` has asked

export const listening: Check = check({
  name: 'listening',
  title: 'the port of the edge',
  hop: 'self',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  uses: ['identity', 'daemon'],
  // Out of descriptors it takes connections and ends them, as something else on its port would.
  after: ['security-policy', 'disk', 'state-directory', 'provisioning-key', 'daemon', 'descriptors'],
  judge: ({ host: { attempt, heldBy, certificates }, identity, daemon }, { patient }) => {
    const { listen } = hostOf(patient)
    const isEnrolling = daemon?.answers && daemon.state === 'enrolling' // perhaps anew: it was deleted, or its certificate ended
    if (identity?.stored === false || isEnrolling) return unknown('it listens once it is enrolled')
    const tenant = certificates.find(({ whose }) => whose === 'tenant')
    if (attempt.is === 'open' && tenant !== undefined) return pass(`${attemptText(attempt)}, ${heldBy ?? ''}`)
    const unit = unitOf(patient.role)
    const common = {
      expected: `an edge at ${hostPort(listen)}`,
      verify: verifyHealthy(patient), // that somebody listens does not make it an edge
    }
    if (attempt.is === 'open') {
      return fail('LISTEN_FAILED', {
        ...common,
        hop: 'edge',
        seen: [attemptText(attempt), `held by ${heldBy ?? 'a process that cannot be seen by this user'}`],
        cause: 'Something else holds the port: what answers there is no edge.',
        fix: [`stop what holds port ${listen.port}, then: systemctl restart ${unit}`],
      })
    }
    return fail('DAEMON_DOWN', {
      ...common,
      hop: 'edge',
      seen: [attemptText(attempt)],
      cause: `Nothing listens on port ${listen.port}: the ${patient.role} does not run, or listens elsewhere.`,
      fix: [`systemctl start ${unit}`, `journalctl -u ${unit} -n 50`],
    })
  },
})

/** The edge of a server listens and carries whatever becomes of the control plane behind it. */
export const controlPlane: Check = check({
  name: 'control-plane',
  title: 'the control plane behind the edge',
  hop: 'control',
  applies: ({ patient }) => patient.role === 'server',
  needs: ['host'],
  after: ['listening'],
  judge: ({ host: { certificates, controlDescriptors } }, { patient }) => {
    const shows = (whose: 'tenant' | 'public') => certificates.some((one) => one.whose === whose)
    if (!shows('tenant')) return unknown('no edge answers here')
    if (shows('public')) return pass('it answers through the edge')
    if (controlDescriptors !== undefined && areUsedUp(controlDescriptors)) {
      return outOfDescriptors(controlDescriptors, patient, 'control')
    }
    const unit = unitOf(patient.role)
    return fail('CONTROL_UNREACHABLE', {
      expected: 'a control plane that ends the HTTPS which the edge passes on',
      seen: ['the edge answers, and nobody in what it passes on'],
      cause:
        'The control plane has ended, is being started again, or stands still; the edge goes on without it.',
      fix: [
        `journalctl -u ${unit} -n 50, and what part.ended or part.failed says there`,
        `where it stands still: systemctl restart ${unit}`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

export const hostCertificates: Check = check({
  name: 'host-certificates',
  title: 'the certificates that the edge shows',
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  after: ['clock', 'listening'],
  judge: ({ host: { certificates } }, { patient, nowMs }) => {
    const told = certificates.map(
      ({ whose, notAfterMs }) => `${whose}: until ${new Date(notAfterMs).toISOString()}`,
    )
    const ends = certificates.filter(({ notAfterMs }) => notAfterMs - nowMs < SOON_MS)
    if (ends.length === 0) return certificates.length > 0 ? pass(told.join('; ')) : unknown('none was shown')
    const [first] = ends
    return fail('CERT_EXPIRED', {
      hop: 'edge',
      expected: `certificates that are good for ${span(SOON_MS)} at least`,
      seen: ends.map(({ whose, subject }) => `${whose}: ${subject.replaceAll('\n', ', ')}`).concat(told),
      cause: `The ${first!.whose} certificate of this edge ${first!.notAfterMs < nowMs ? 'has ended' : 'ends within a day'}.`,
      fix:
        first!.whose === 'public'
          ? ['put the renewed chain and key where publicCertificate of server.yaml names them']
          : [`systemctl restart ${unitOf(patient.role)}`],
      verify: verifyHealthy(patient),
    })
  },
})

/** Behind a NAT the name rightly leads to the address of another machine, so only its absence is a fault. */
export const hostName: Check = check({
  name: 'host-name',
  title: 'the name that agents come by',
  hop: 'edge',
  applies: ({ patient: { host } }) => (host?.publicHost ?? host?.unread) !== undefined,
  needs: ['host'],
  uses: ['stateDir'],
  after: ['resolver-file', 'state-directory'],
  judge: ({ host: { name, ownAddresses }, stateDir }, { patient }) => {
    const { publicHost, unread } = hostOf(patient)
    if (stateDir !== undefined && isOfAnother(stateDir)) return blind(askAsRoot(stateDir, patient))
    if (publicHost === undefined) {
      const { file, why } = unread!
      return blind(
        `${file} cannot be read (${why}), so by which name agents come is not known; the ${patient.role} writes it anew when it starts: systemctl restart ${unitOf(patient.role)}`,
      )
    }
    if (name === undefined) return pass(`${publicHost}, an address`)
    if (name.addresses.length > 0) {
      const here = name.addresses.some((address) => ownAddresses.includes(address))
      return pass(
        `${name.addresses.join(', ')}, ${here ? 'this machine' : 'another machine: NAT or balancer'}`,
      )
    }
    if (!answeredNo(name)) {
      const said = [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`].join('; ')
      return blind(`nobody could say whether ${publicHost} has an address: ${said}`)
    }
    return fail('EDGE_NAME_NXDOMAIN', {
      expected: `an address for ${publicHost}`,
      seen: [
        ...name.servers.map(({ server, said }) => `${server} said ${said}`),
        `getaddrinfo: ${name.errno}`,
      ],
      cause: `Agents come by the name ${publicHost}, and here it has no address.`,
      fix: [`publish an A or AAAA record of ${publicHost}`],
      verify: { run: `getent hosts ${publicHost}`, expect: publicHost! },
    })
  },
})

export const connectionTracking: Check = check({
  name: 'connection-tracking',
  title: 'connections that the firewall of this machine tracks',
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  after: [],
  judge: ({ host: { tracked } }, { patient }) => {
    if (tracked === undefined) return pass('none are tracked')
    if ('unread' in tracked) return blind(`tracked connections could not be counted: ${tracked.unread}`)
    const saw = `${tracked.count} of ${tracked.max}`
    if (tracked.count < tracked.max * FULL) return pass(saw)
    return fail('CONNTRACK_FULL', {
      expected: `less than ${Math.floor(tracked.max * FULL)} tracked connections`,
      seen: [
        `nf_conntrack_count ${tracked.count}, nf_conntrack_max ${tracked.max}`,
        tracked.fixed
          ? 'this is a container: nf_conntrack_max is that of its host, and cannot be set here'
          : '',
      ],
      fix: [
        `${tracked.fixed ? 'on the host of this container: ' : ''}sysctl -w net.netfilter.nf_conntrack_max=${tracked.max * 2}`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

/** A few stand at any port of the internet. Where nobody else is connected they are all who come. */
const LOST_PEERS = 2

export const handshakes: Check = check({
  name: 'handshakes',
  title: 'whether answers of this machine arrive',
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  after: ['listening', 'connection-tracking'],
  judge: ({ host: { halfOpen } }, { patient }) => {
    if (halfOpen === undefined) return blind('ss is not installed here, or does not say')
    const { peers, standing, saw } = halfOpen
    const [first] = peers
    if (first === undefined || standing > 0 || peers.length < LOST_PEERS) {
      const alone = first === undefined ? '' : `; of ${peers.join(', ')} no answer was acknowledged`
      return pass(`${standing} connections from other machines${alone}`)
    }
    const { listen } = hostOf(patient)
    return fail('RETURN_PATH_ASYMMETRIC', {
      hop: 'edge',
      expected: `handshakes at port ${listen.port} that end`,
      seen: [...saw, `no connection from another machine stands, and ${peers.length} begin and do not end`],
      cause: `What ${peers.slice(0, 3).join(', ')} send arrives here, and no answer gets back to them: a firewall drops it, or it leaves by another way than they came.`,
      fix: [
        `ip route get ${first}: the interface by which answers leave; it must be the one they came by`,
        'on this machine: nft list ruleset (chains of hook output)',
        `on firewalls before it: let answers from port ${listen.port} out, and see both directions`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})
