import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { asFault } from '../../base/faults.ts'
import { silentLog } from '../../base/log.ts'
import { AdminSocket } from './admin-socket.ts'
import { MAX_BODY_BYTES, readBody } from './read-body.ts'

function socketFile(t: TestContext): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'admin-'))
  t.after(() => rmSync(made, { recursive: true, force: true }))
  return path.join(made, 'admin.sock')
}

/** Answers with who asks, and with what; or with the code of what was wrong with the body. */
const echo: http.RequestListener = (request, response) => {
  readBody(request).then(
    (body) => response.end(JSON.stringify({ from: request.socket.remoteAddress, body: String(body) })),
    (thrown: unknown) => response.writeHead(413, { connection: 'close' }).end(asFault(thrown).code),
  )
}

async function ask(socketPath: string, chunks: readonly (string | Buffer)[] = [], headers = {}) {
  const request = http.request({ socketPath, method: 'POST', path: '/', agent: false, headers })
  request.on('error', () => {})
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  for (const chunk of chunks) request.write(chunk)
  request.end()
  const [response] = await answered
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, text }
}

test('the API answers at a socket only its owner may open, as one on this machine', async (t) => {
  const file = socketFile(t)
  await using _admin = await AdminSocket.open({ file, backend: { http: echo }, log: silentLog })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const { status, text } = await ask(file, ['he', 'llo'])
  assert.deepEqual([status, JSON.parse(text)], [200, { from: 'this machine', body: 'hello' }])
})

test('what a crash left at its path is replaced', async (t) => {
  const file = socketFile(t)
  writeFileSync(file, 'left behind')
  await using _admin = await AdminSocket.open({ file, backend: { http: echo }, log: silentLog })
  assert.equal((await ask(file)).status, 200)
})

test('a folder that does not exist is STATE_UNWRITABLE, with its path', async (t) => {
  const file = path.join(path.dirname(socketFile(t)), 'absent', 'admin.sock')
  await assert.rejects(AdminSocket.open({ file, backend: { http: echo }, log: silentLog }), {
    code: 'STATE_UNWRITABLE',
    detail: new RegExp(file),
  })
})

test('closed, it ends idle connections too, and takes no new ones', async (t) => {
  const file = socketFile(t)
  const admin = await AdminSocket.open({ file, backend: { http: echo }, log: silentLog })
  const idle = net.connect(file)
  await once(idle, 'connect')
  await ask(file)
  const ended = once(idle, 'close')
  await admin[Symbol.asyncDispose]()
  idle.resume()
  await ended
  await assert.rejects(once(net.connect(file), 'connect'), /ENOENT|ECONNREFUSED/)
})

test('a defect in one answer ends that connection, and the next request is answered', async (t) => {
  const file = socketFile(t)
  let asked = 0
  const backend: { http: http.RequestListener } = {
    http(request, response) {
      if (asked++ === 0) throw new Error('defect')
      echo(request, response)
    },
  }
  await using _admin = await AdminSocket.open({ file, backend, log: silentLog })
  await assert.rejects(ask(file), /hang up|ECONNRESET/)
  assert.equal((await ask(file)).status, 200)
})

test('a body is read up to the limit, to the byte; one that is longer is refused, said or not', async (t) => {
  const file = socketFile(t)
  await using _admin = await AdminSocket.open({ file, backend: { http: echo }, log: silentLog })
  const full = Buffer.alloc(MAX_BODY_BYTES, 'x')
  const length = (bytes: number) => ({ 'content-length': String(bytes) })
  for (const headers of [{}, length(full.length)]) {
    const { status, text } = await ask(file, [full], headers)
    assert.deepEqual([status, JSON.parse(text).body.length], [200, MAX_BODY_BYTES])
  }
  const longer = [full, 'x']
  for (const headers of [{}, length(full.length + 1)]) {
    const { status, text } = await ask(file, longer, headers)
    assert.deepEqual([status, text], [413, 'TOO_LARGE'])
  }
})
