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
    if (open !== undefined) return pass(`${datagramText(open)} an answer arrived`)
    if (udp.length === 0) return unknown('no address to try')
    const refused = udp.find(({ is }) => is === 'refused')
    const common = { expected: `an application receiving datagrams at ${where}`, seen: udp.map(datagramText) }
    const verify = verifyHealthy(patient)
    if (refused !== undefined) {
      return fail('APP_REFUSED', {
        ...{ ...common, verify },
        cause: `The machine is up and reports that nothing is listening on UDP port ${target.port}.`,
        fix: [`on the application's machine: ss -lun 'sport = :${target.port}'`, 'start the application'],
      })
    }
    const noWay = udp.find(({ is }) => is === 'unreachable' || is === 'prohibited')
    if (noWay !== undefined) {
      const forbidden = noWay.is === 'prohibited'
      return fail('APP_UNREACHABLE', {
        ...{ ...common, verify },
        cause: forbidden
          ? 'A firewall on the path rejects the datagram, or this machine does not send it.'
          : 'This address is unreachable from here.',
        fix: forbidden
          ? [
              `allow UDP from this connector to ${noWay.address} port ${target.port}`,
              'on this machine: nft list ruleset',
            ]
          : [`find which router it is sent by, or that there is no route: ip route get ${noWay.address}`],
      })
    }
    return unknown(
      `an empty datagram to ${where} got no answer, which is normal for most applications: only its users can see whether it serves`,
    )
  },
})

function datagramText({ address, port, is, errno, tookMs }: UdpFacts): string {
  const at = `${hostPort({ host: address, port })}, UDP:`
  if (is === 'open') return `${at} after ${tookMs} ms`
  return is === 'silent' ? `${at} no answer in ${tookMs} ms` : `${at} ${errno} after ${tookMs} ms`
}
