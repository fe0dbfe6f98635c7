import { hostPort } from '../../base/host-port.ts'
import type { UdpFacts } from '../../probe/udp.ts'
import { type Check, check, fail, pass, unknown } from '../check.ts'
import { verifyHealthy } from './words.ts'

/** An application that takes datagrams only: a connection by TCP would tell of something else. */
export const appUdp: Check = check({
  name: 'app-udp',
  title: 'UDP to the application',
  hop: 'application',
  applies: ({ patient }) => patient.app?.protocol === 'udp' && patient.role !== 'client',
  needs: ['app'],
  after: ['security-policy', 'link', 'app-address'],
  judge: ({ app: { udp = [], target } }, { patient }) => {
    const where = hostPort(target)
    const open = udp.find(({ is }) => is === 'open')
    if (open !== undefined) return pass(`${datagramText(open)} an answer came`)
    if (udp.length === 0) return unknown('no address to try')
    const refused = udp.find(({ is }) => is === 'refused')
    const common = { expected: `somebody who takes datagrams at ${where}`, seen: udp.map(datagramText) }
    const verify = verifyHealthy(patient)
    if (refused !== undefined) {
      return fail('APP_REFUSED', {
        ...{ ...common, verify },
        cause: `The machine is there and says that nothing listens on UDP port ${target.port}.`,
        fix: [
          `on the machine of the application: ss -lun 'sport = :${target.port}'`,
          'start the application',
        ],
      })
    }
    const noWay = udp.find(({ is }) => is === 'unreachable' || is === 'prohibited')
    if (noWay !== undefined) {
      const forbidden = noWay.is === 'prohibited'
      return fail('APP_UNREACHABLE', {
        ...{ ...common, verify },
        cause: forbidden
          ? 'A firewall on the way rejects the datagram, or this machine does not let it out.'
          : 'There is no way to this address from here.',
        fix: forbidden
          ? [
              `allow UDP from this connector to ${noWay.address} port ${target.port}`,
              'on this machine: nft list ruleset',
            ]
          : [`ip route get ${noWay.address}: by which router it is sent, or that there is no route`],
      })
    }
    return unknown(
      `an empty datagram to ${where} got no answer, as from most applications: whether it serves, only its users see`,
    )
  },
})

function datagramText({ address, port, is, errno, tookMs }: UdpFacts): string {
  const at = `${hostPort({ host: address, port })}, UDP:`
  if (is === 'open') return `${at} after ${tookMs} ms`
  return is === 'silent' ? `${at} no answer in ${tookMs} ms` : `${at} ${errno} after ${tookMs} ms`
}
