import { type Check, check, fail, pass } from '../check.ts'
import { edgeText, mtuFix, verifyHealthy } from './words.ts'

/** IP and TCP with timestamps, and a TLS record around its content. */
const PACKET_OVERHEAD_BYTES = 52

/** TLS stands, a small request is answered and a large one is not: that is a path narrower than both ends think. */
export const edgeRecords: Check = check({
  name: 'edge-records',
  title: 'large TLS records to the edge',
  hop: 'edge',
  needs: ['answer'],
  uses: ['ping', 'denials'],
  after: ['edge-tls'],
  judge: ({ answer: { records, fault }, ping }, { patient }) => {
    const through = records.filter(({ answered }) => answered).map(({ bytes }) => bytes)
    const lost = records.filter(({ answered }) => !answered).map(({ bytes }) => bytes)
    if (lost.length === 0 || through.length === 0)
      return fault === undefined ? pass('answered at every size') : undefined
    const largest = Math.max(...through)
    // Echoes that pass at every size say nothing about TCP: some boxes drop by protocol.
    const narrow = ping?.lostBytes === undefined ? undefined : ping
    const measured = narrow?.toldMtu ?? narrow?.throughBytes ?? largest + PACKET_OVERHEAD_BYTES
    return fail('PATH_MTU', {
      expected: `records of 16 KiB answered by ${edgeText(patient)}`,
      seen: [
        `records up to ${largest} bytes are answered, from ${Math.min(...lost)} bytes on they are not`,
        narrow?.saw ?? '',
      ],
      cause: 'Large packets are lost on the way without a word: small messages pass, transfers stand still.',
      fix: mtuFix(measured),
      verify: verifyHealthy(patient),
    })
  },
})

export const upgrade: Check = check({
  name: 'upgrade',
  title: 'the upgrade to a WebSocket',
  hop: 'edge',
  needs: ['answer'],
  after: ['edge-tls', 'edge-records'],
  judge: ({ answer }, { patient }) => {
    if (answer.fault !== undefined) {
      return fail(answer.fault.code, {
        expected: `an answer of ${edgeText(patient)} to a small request`,
        seen: [answer.fault.detail],
        cause: 'TLS stands and the edge proved itself, and then it says nothing: it hangs or is overloaded.',
        fix: ['look at the log and the load of the edge'],
        verify: verifyHealthy(patient),
      })
    }
    if (answer.upgrade === undefined) return undefined
    const { status, ours, body } = answer.upgrade
    if (ours) return pass('reaches the edge')
    return fail('CONTROL_UNREACHABLE', {
      hop: 'edge',
      expected: 'the edge answers the upgrade itself',
      seen: [`status ${status}`, body],
      cause: 'Something between this machine and the edge takes the upgrade header away.',
      fix: [`let ${edgeText(patient)} pass as plain TCP, or pass WebSockets on`],
      verify: verifyHealthy(patient),
    })
  },
})
