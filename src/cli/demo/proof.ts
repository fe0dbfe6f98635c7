import { once } from 'node:events'
import http from 'node:http'
import type { SessionResource } from '../../api/sessions.ts'
import { hostPort, urlHost } from '../../base/host-port.ts'
import type { Rest } from '../rest.ts'
import type { DemoApplication } from './access.ts'
import { until } from './until.ts'

const REQUEST_MS = 10_000
const RECORD_MS = 5000

export interface DemoProof {
  readonly status: number
  readonly bytes: number
  readonly heading: string
  readonly session: SessionResource
}

/** One GET through the local proxy, and the record that every hop together made of it. */
export async function prove(rest: Rest, app: DemoApplication, proxyPort: number): Promise<DemoProof> {
  const [before] = await rest.list<SessionResource>('/sessions', 1)
  const at = hostPort({ host: app.host, port: app.webPort })
  const request = http.get({
    host: '127.0.0.1',
    port: proxyPort,
    path: `http://${at}/`,
    headers: { host: app.webPort === 80 ? urlHost(app.host) : at, connection: 'close' },
    signal: AbortSignal.timeout(REQUEST_MS),
  })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const text = Buffer.concat(await response.toArray()).toString('utf8')
  if (response.statusCode !== 200) throw new Error(`the application could not be reached: ${text}`)
  const session = await until('no record of the session', RECORD_MS, async () => {
    const [latest] = await rest.list<SessionResource>('/sessions', 1)
    const fresh = latest !== undefined && latest.id !== before?.id
    return fresh && latest.state === 'closed' && latest.sides.client && latest.sides.connector
      ? latest
      : undefined
  })
  const heading = /<h1>([^<]*)<\/h1>/.exec(text)?.[1] ?? ''
  return { status: response.statusCode, bytes: Buffer.byteLength(text), heading, session }
}
