import { hostPort } from '../../link/egress.ts'
import { howStopped } from '../../link/second-port.ts'
import { ms } from '../../policy/edge-choice.ts'
import { type Check, check, fail, pass } from '../check.ts'
import { edgeText } from './words.ts'

/** No outage: the port that every edge has was found open before this is asked. */
export const controlPort: Check = check({
  name: 'control-port',
  title: 'the second port of the edge',
  hop: 'edge',
  needs: ['edges'],
  uses: ['daemon'],
  applies: ({ known }) => known.edges?.second !== undefined,
  after: ['resolver', 'edge-name', 'proxy-setting', 'proxy', 'edge-tcp', 'edge-tls'],
  judge: ({ edges: { second }, daemon }, { patient }) => {
    if (second === undefined) return undefined
    const { at, distance } = second
    const note = daemon?.notes?.find(({ code }) => code === 'CONTROL_PORT_BLOCKED')
    if ('rttUs' in distance) {
      const before = note === undefined ? '' : `; the daemon found a moment ago: ${note.detail}`
      return pass(`${hostPort(at)} answers, ${ms(distance.rttUs)} away${before}`)
    }
    const { fault } = distance
    const { resolved } = fault.seen // who writes the rule needs addresses
    const to = Array.isArray(resolved) && resolved.length > 0 ? resolved.join(', ') : at.host
    return fail('CONTROL_PORT_BLOCKED', {
      expected: `a connection to port ${at.port} of ${at.host}`,
      seen: [
        `${hostPort(at)} ${howStopped(fault)} (${fault.code}: ${fault.detail})`,
        `${edgeText(patient)} works and is used`,
        note === undefined ? '' : `the daemon says: ${note.detail}`,
      ],
      cause: `Port ${at.port} of the edge ${howStopped(fault)}; control connections take the port that every edge has.`,
      fix: [
        `allow outbound TCP from this machine to ${to} port ${at.port}`,
        'or leave it: nothing but the second port is missing',
      ],
      verify: { run: `nc -zv -w 4 ${at.host} ${at.port}`, expect: 'succeeded' },
    })
  },
})
