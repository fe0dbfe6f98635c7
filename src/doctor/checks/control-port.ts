import type { Fault, FaultCode } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { howStopped } from '../../link/control/port-blocked.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import type { OutboundProxy } from '../../link/dial/egress.ts'
import { ms } from '../../policy/edge-choice.ts'
import { type Check, check, type Failure, fail, pass } from '../check.ts'
import type { Patient } from '../patient.ts'
import { proxyOf } from './proxy.ts'
import { edgeWords, verifyHealthy } from './words.ts'

/** No outage: the port that every edge has was found open before this is asked. */
export const controlPort: Check = check({
  name: 'control-port',
  title: 'the second port of the edge',
  hop: 'edge',
  needs: ['edges'],
  uses: ['daemon', 'egress'],
  applies: ({ known }) => known.edges?.second !== undefined,
  after: ['resolver', 'edge-name', 'proxy-setting', 'proxy', 'edge-tcp', 'edge-tls'],
  judge: ({ edges: { second }, daemon, egress }, { patient }) => {
    if (second === undefined) return undefined
    const { at, distance } = second
    const note = daemon?.notes?.find(({ code }) => code === 'CONTROL_PORT_BLOCKED')
    if ('rttUs' in distance) {
      const before = note === undefined ? '' : `; the daemon recently reported: ${note.detail}`
      return pass(`${hostPort(at)} answers, ${ms(distance.rttUs)} away${before}`)
    }
    const { fault } = distance
    const proxy = egress && proxyOf(egress, patient, at)
    return fail('CONTROL_PORT_BLOCKED', {
      expected: `a connection to port ${at.port} of ${at.host}`,
      seen: [
        `${hostPort(at)} ${howStopped(fault)} (${fault.code}: ${fault.detail})`,
        proxy === undefined ? '' : `the path to it goes through the proxy ${hostPort(proxy)}`,
        `${edgeWords(patient)} works and is in use`,
        note === undefined ? '' : `the daemon reports: ${note.detail}`,
      ],
      cause: `Port ${at.port} of the edge ${howStopped(fault)}; control connections use the port that every edge has.`,
      ...way(fault, { at, proxy, patient }),
    })
  },
})

/** What is to be changed lies on the way that it takes: with whoever runs the proxy, or the firewall, or inspects. */
function way(
  fault: Fault,
  { at, proxy, patient }: { at: EdgeAddress; proxy: OutboundProxy | undefined; patient: Patient },
): Pick<Failure, 'fix' | 'verify'> {
  const leave = 'or leave it: only the second port is unavailable'
  if (BY_FIREWALL.has(fault.code) && proxy === undefined) {
    const { resolved } = fault.seen // who writes the rule needs addresses
    const to = Array.isArray(resolved) && resolved.length > 0 ? resolved.join(', ') : at.host
    return {
      fix: [`allow outbound TCP from this machine to ${to} port ${at.port}`, leave],
      verify: { run: `nc -zv -w 4 ${at.host} ${at.port}`, expect: 'succeeded' },
    }
  }
  const fix =
    proxy === undefined
      ? `exempt ${hostPort(at)} from TLS inspection and intrusion prevention`
      : `allow CONNECT to ${hostPort(at)} on the proxy ${hostPort(proxy)}, without TLS inspection`
  return { fix: [fix, leave], verify: verifyHealthy(patient) }
}

const BY_FIREWALL: ReadonlySet<FaultCode> = new Set(['EGRESS_BLOCKED', 'EGRESS_REJECTED', 'EDGE_UNREACHABLE'])
