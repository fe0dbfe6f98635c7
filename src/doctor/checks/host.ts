import { hostPort } from '../../base/host-port.ts'
import { span } from '../../base/span.ts'
import { blind, type Check, check, fail, pass, unknown } from '../check.ts'
import type { EdgeHost } from '../host-look.ts'
import type { Patient } from '../patient.ts'
import { areUsedUp, outOfDescriptors } from './load.ts'
import { askAsRoot, isOfAnother } from './machine.ts'
import { answeredNo, serverText } from './server-answers.ts'
import { attemptText, unitOf, verifyHealthy } from './words.ts'

const FULL = 0.95
const SOON_MS = 86_400_000

const hostOf = ({ host }: Patient): EdgeHost => host! // `applies` has asked

export const listening: Check = check({
  name: 'listening',
  title: "the edge's port",
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
        seen: [attemptText(attempt), `held by ${heldBy ?? 'a process this user cannot see'}`],
        cause: 'Another program holds the port: what answers there is not an edge.',
        fix: [`stop what holds port ${listen.port}, then: systemctl restart ${unit}`],
      })
    }
    return fail('DAEMON_DOWN', {
      ...common,
      hop: 'edge',
      seen: [attemptText(attempt)],
      cause: `Nothing is listening on port ${listen.port}: the ${patient.role} is not running, or listens elsewhere.`,
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
      expected: 'a control plane that terminates the HTTPS passed on by the edge',
      seen: ['the edge answers, but nothing answers what it passes on'],
      cause: 'The control plane has exited, is restarting, or hangs; the edge continues without it.',
      fix: [
        `journalctl -u ${unit} -n 50, and check part.ended or part.failed there`,
        `if it hangs: systemctl restart ${unit}`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

export const hostCertificates: Check = check({
  name: 'host-certificates',
  title: 'the certificates the edge presents',
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  after: ['clock', 'listening'],
  judge: ({ host: { certificates } }, { patient, nowMs }) => {
    const told = certificates.map(
      ({ whose, notAfterMs }) => `${whose}: until ${new Date(notAfterMs).toISOString()}`,
    )
    const ends = certificates.filter(({ notAfterMs }) => notAfterMs - nowMs < SOON_MS)
    if (ends.length === 0)
      return certificates.length > 0 ? pass(told.join('; ')) : unknown('none was presented')
    const [first] = ends
    return fail('CERT_EXPIRED', {
      hop: 'edge',
      expected: `certificates valid for at least another ${span(SOON_MS)}`,
      seen: ends.map(({ whose, subject }) => `${whose}: ${subject.replaceAll('\n', ', ')}`).concat(told),
      cause: `The ${first!.whose} certificate of this edge ${first!.notAfterMs < nowMs ? 'has expired' : 'expires within a day'}.`,
      fix:
        first!.whose === 'public'
          ? ['put the renewed chain and key where publicCertificate in server.yaml points']
          : [`systemctl restart ${unitOf(patient.role)}`],
      verify: verifyHealthy(patient),
    })
  },
})

/** Behind a NAT the name rightly leads to the address of another machine, so only its absence is a fault. */
export const hostName: Check = check({
  name: 'host-name',
  title: 'the name agents connect to',
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
        `${file} cannot be read (${why}), so the name agents connect to is not known; the ${patient.role} rewrites it when it starts: systemctl restart ${unitOf(patient.role)}`,
      )
    }
    if (name === undefined) return pass(`${publicHost}, an address`)
    if (name.addresses.length > 0) {
      const here = name.addresses.some((address) => ownAddresses.includes(address))
      return pass(
        `${name.addresses.join(', ')}, ${here ? 'this machine' : 'another machine: NAT or load balancer'}`,
      )
    }
    if (!answeredNo(name)) {
      const said = [...name.servers.map(serverText), `getaddrinfo: ${name.errno}`].join('; ')
      return blind(`whether ${publicHost} has an address could not be determined: ${said}`)
    }
    return fail('EDGE_NAME_NXDOMAIN', {
      expected: `an address for ${publicHost}`,
      seen: [
        ...name.servers.map(({ server, said }) => `${server} said ${said}`),
        `getaddrinfo: ${name.errno}`,
      ],
      cause: `Agents connect to the name ${publicHost}, which has no address here.`,
      fix: [`publish an A or AAAA record of ${publicHost}`],
      verify: { run: `getent hosts ${publicHost}`, expect: publicHost! },
    })
  },
})

export const connectionTracking: Check = check({
  name: 'connection-tracking',
  title: "connections tracked by this machine's firewall",
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
          ? 'this is a container: nf_conntrack_max belongs to its host and cannot be set here'
          : '',
      ],
      fix: [
        `${tracked.fixed ? "on this container's host: " : ''}sysctl -w net.netfilter.nf_conntrack_max=${tracked.max * 2}`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})

/** A few stand at any port of the internet. Where nobody else is connected they are all who come. */
const LOST_PEERS = 2

export const handshakes: Check = check({
  name: 'handshakes',
  title: "whether this machine's replies arrive",
  hop: 'edge',
  applies: ({ patient }) => patient.host !== undefined,
  needs: ['host'],
  after: ['listening', 'connection-tracking'],
  judge: ({ host: { halfOpen } }, { patient }) => {
    if (halfOpen === undefined) return blind('ss is not installed here, or does not report it')
    const { peers, standing, saw } = halfOpen
    const [first] = peers
    if (first === undefined || standing > 0 || peers.length < LOST_PEERS) {
      const alone = first === undefined ? '' : `; no reply to ${peers.join(', ')} was acknowledged`
      return pass(`${standing} connections from other machines${alone}`)
    }
    const { listen } = hostOf(patient)
    return fail('RETURN_PATH_ASYMMETRIC', {
      hop: 'edge',
      expected: `handshakes at port ${listen.port} that complete`,
      seen: [
        ...saw,
        `no connection from another machine is established, and ${peers.length} began but did not complete`,
      ],
      cause: `Packets from ${peers.slice(0, 3).join(', ')} arrive here, but no reply gets back: a firewall drops replies, or they leave by a different path than the packets came.`,
      fix: [
        `ip route get ${first}: the interface by which replies leave must be the one the packets came by`,
        'on this machine: nft list ruleset (chains of hook output)',
        `on firewalls in front of it: let replies from port ${listen.port} out, and make sure both directions pass`,
      ],
      verify: verifyHealthy(patient),
    })
  },
})
