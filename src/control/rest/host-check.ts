import net from 'node:net'
import { Fault } from '../../base/faults.ts'

/**
 * Refuses requests that a browser was tricked into: a name that was rebound to our address shows in Host, a
 * foreign page in Origin. An address as Host is safe, since a page has no way to bind one to itself.
 *
 * @param hosts Names this server answers to, without ports.
 * @throws {Fault} WRONG_HOST.
 */
export function checkHost(header: (name: string) => string | undefined, hosts: readonly string[]): void {
  const host = header('host')
  const name = host === undefined ? undefined : hostName(host)
  if (name === undefined || !isOurs(name, hosts)) {
    throw new Fault('WRONG_HOST', `Host is ${host ?? 'absent'}`, { seen: { host: host ?? '' } })
  }
  const origin = header('origin')
  if (origin !== undefined && hostName(origin.replace(/^https?:\/\//, '')) !== name) {
    throw new Fault('WRONG_HOST', `Origin is ${origin}`, { seen: { origin } })
  }
  if (header('sec-fetch-site') === 'cross-site') {
    throw new Fault('WRONG_HOST', 'the browser reports that another site sent it', {
      seen: { 'sec-fetch-site': 'cross-site' },
    })
  }
}

/** Without the port; lower case, without a final dot or brackets. */
function hostName(host: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+))(?::\d{1,5})?$/i.exec(host)
  return (match?.[1] ?? match?.[2])?.toLowerCase().replace(/\.$/, '')
}

function isOurs(name: string, hosts: readonly string[]): boolean {
  return name === 'localhost' || net.isIP(name) !== 0 || hosts.some((host) => host.toLowerCase() === name)
}
