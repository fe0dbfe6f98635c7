import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { RestFixture } from '../control/rest/fixture.ts'
import { PIN, serve } from './rest.fixture.ts'

/** A context of a real API, for the real program: TLS as at an edge, and the API behind it. */
export async function openContext(rest: RestFixture): Promise<{ readonly file: string } & AsyncDisposable> {
  const at = await serve((request, response) => {
    const { method, url: path, headers } = request
    const onward = http.request({ host: '127.0.0.1', port: rest.port, method, path, headers }, (answer) => {
      answer.pipe(response.writeHead(answer.statusCode!, answer.headers))
    })
    request.pipe(onward)
  })
  const dir = mkdtempSync(path.join(tmpdir(), 'context-'))
  const file = path.join(dir, 'context.json')
  writeFileSync(path.join(dir, 'token'), rest.owner, { mode: 0o600 })
  const context = { version: 1, server: at.server, ...PIN, tokenFile: 'token' }
  writeFileSync(file, JSON.stringify(context), { mode: 0o600 })
  return {
    file,
    async [Symbol.asyncDispose]() {
      await at[Symbol.asyncDispose]()
      rmSync(dir, { recursive: true })
    },
  }
}
