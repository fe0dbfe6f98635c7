import { blind, type Check, check, fail, pass } from '../check.ts'
import { edgeWords, gaveUpEarly, hardlyWaited, mtuFix, slowly, verifyHealthy } from './words.ts'

/** IP and TCP with timestamps, and a TLS record around its content. */
const PACKET_OVERHEAD_BYTES = 52

/** TLS stands, a small request is answered and a large one is not: that is a path narrower than both ends think. */
export const edgeRecords: Check = check({
  name: 'edge-records',
  title: 'large TLS records to the edge',
  hop: 'edge',
  needs: ['answer'],
  uses: ['ping', 'denials', 'link'],
  after: ['edge-tls'],
  judge: ({ answer: { records, fault }, ping, link }, { patient }) => {
    const through = records.filter(({ answered }) => answered).map(({ bytes }) => bytes)
    const lost = records.filter(({ answered }) => !answered).map(({ bytes }) => bytes)
    if (fault !== undefined) return undefined // the next check says so
    if (through.length === 0)
      return blind('no request of any size was answered, though one was a moment before')
    if (lost.length === 0) return pass('requests of every size are answered')
    const largest = Math.max(...through)
    // Echoes that pass at every size say nothing about TCP: some boxes drop by protocol.
    const narrow = ping?.lostBytes === undefined ? undefined : ping
    const measured = narrow?.toldMtu ?? narrow?.throughBytes ?? largest + PACKET_OVERHEAD_BYTES
    return fail('PATH_MTU', {
      expected: `records of 16 KiB answered by ${edgeWords(patient)}`,
      seen: [
        `records up to ${largest} bytes are answered, records of ${Math.min(...lost)} bytes and more are not`,
        narrow?.saw ?? '',
      ],
      cause: 'Large packets are silently dropped on the path: small messages pass, transfers stall.',
      fix: mtuFix(measured, ping?.via ?? link?.name),
      verify: verifyHealthy(patient),
    })
  },
})

export const upgrade: Check = check({
  name: 'upgrade',
  title: 'the upgrade to a WebSocket',
  hop: 'edge',
  needs: ['answer'],
  uses: ['daemon'],
  after: ['edge-tls', 'edge-records'],
  judge: ({ answer }, { patient, known }) => {
    if (answer.fault !== undefined) {
      const hardly = hardlyWaited('answer', answer.tookMs ?? 0, known)
      if (hardly !== undefined && answer.tookMs !== undefined) return hardly
      return fail(answer.fault.code, {
        hop: 'edge',
        expected: `an answer of ${edgeWords(patient)} to a small request`,
        seen: [answer.fault.detail, gaveUpEarly('answer', answer.tookMs ?? 0, known) ?? ''],
        cause:
          'TLS is up and the edge proved its identity, then it does not respond: it hangs or is overloaded.',
        fix: ["on the edge's machine: check its log and load, and restart it if it hangs"],
        verify: verifyHealthy(patient),
      })
    }
    if (answer.upgrade === undefined) return blind('the upgrade was tried and not answered in time')
    const { status, ours, body } = answer.upgrade
    if (ours) return pass('reaches the edge', slowly('answer', answer.tookMs ?? 0))
    return fail('CONTROL_UNREACHABLE', {
      hop: 'edge',
      expected: 'the edge answers the upgrade itself',
      seen: [`status ${status}`, body],
      cause: 'Something between this machine and the edge strips the upgrade header.',
      fix: [`let ${edgeWords(patient)} pass as plain TCP, or allow WebSockets`],
      verify: verifyHealthy(patient),
    })
  },
})
