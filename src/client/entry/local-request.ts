/**
 * Is this request to the local proxy's own pages one that a local program or the browser itself would send?
 * A web page must not be able to read them: not by naming another host that resolves here (DNS rebinding),
 * not from another origin. Pure.
 *
 * @module
 */
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'

/**
 * @param bound The address the request came in on; none for a Unix socket, whose programs may name it as they like.
 * @throws {Fault} LOCAL_REQUEST_REFUSED naming the header and what it held.
 */
export function checkLocalRequest(
  method: string | undefined,
  headers: Readonly<Record<string, string | undefined>>,
  bound: { host: string; port: number } | undefined,
): void {
  if (method !== 'GET' && method !== 'HEAD') throw refused('method', method)
  const hosts = bound && [
    hostPort(bound),
    `localhost:${bound.port}`,
    `127.0.0.1:${bound.port}`,
    `[::1]:${bound.port}`,
  ]
  if (hosts !== undefined && !hosts.includes(headers.host?.toLowerCase() ?? ''))
    throw refused('Host', headers.host)
  if (headers.origin !== undefined) throw refused('Origin', headers.origin)
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'none' && site !== 'same-origin') {
    throw refused('Sec-Fetch-Site', site)
  }
}

function refused(name: string, value: string | undefined): Fault {
  const shown = (value ?? '').slice(0, 200)
  return new Fault(
    'LOCAL_REQUEST_REFUSED',
    `${name} ${JSON.stringify(shown)} does not belong to a local program`,
    {
      seen: { header: name, value: shown },
    },
  )
}
