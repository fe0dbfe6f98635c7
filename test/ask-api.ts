import assert from 'node:assert/strict'
import { once } from 'node:events'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import type { Site } from './site.ts'

/** What the API of the site answers to its first admin. @param where Below `/api/v1`. */
export async function askApi<T>(site: Site, where: string): Promise<T> {
  const request = https.get({
    ...{ host: '127.0.0.1', port: site.edge.port, path: `/api/v1${where}` },
    headers: { authorization: `Bearer ${site.control.firstToken}` },
    rejectUnauthorized: false, // the server's own certificate, on loopback
    agent: false,
  })
  const [response] = await once(request, 'response')
  const body = await text(response)
  assert.equal(response.statusCode, 200, body)
  return JSON.parse(body)
}
