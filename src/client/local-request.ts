/**
 * Is this request to the local proxy's own pages one that a local program or the browser itself would send?
 * A web page must not be able to read them: not by naming another host that resolves here (DNS rebinding),
 * not from another origin. Pure.
 *
 * @module
 */
import type { IncomingHttpHeaders } from 'node:http'
import { Fault } from '../base/faults.ts'
import { showAddress } from './listen-address.ts'

/**
 * @param bound The address the request came in on.
 * @throws {Fault} LOCAL_REQUEST_REFUSED naming the header and what it held.
 */
export function checkLocalRequest(
  method: string | undefined,
  headers: IncomingHttpHeaders,
  bound: { host: string; port: number },
): void {
  if (method !== 'GET' && method !== 'HEAD') throw refused('method', method)
  const hosts = [
    showAddress(bound.host, bound.port),
    `localhost:${bound.port}`,
    `127.0.0.1:${bound.port}`,
    `[::1]:${bound.port}`,
  ]
  if (!hosts.includes(headers.host?.toLowerCase() ?? '')) throw refused('Host', headers.host)
  if (headers.origin !== undefined) throw refused('Origin', headers.origin)
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'none' && site !== 'same-origin') {
    throw refused('Sec-Fetch-Site', String(site))
  }
}

function refused(name: string, value: string | undefined): Fault {
  const shown = (value ?? '').slice(0, 200)
  return new Fault('LOCAL_REQUEST_REFUSED', `${name} ${JSON.stringify(shown)} is not of a local program`, {
    seen: { header: name, value: shown },
  })
}
