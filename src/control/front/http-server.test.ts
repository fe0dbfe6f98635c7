import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { silentLog } from '../../base/log.ts'
import { httpServer } from './http-server.ts'

/** What a server that gives each request 200 ms says to these bytes, until it ends the connection. */
async function answerTo(
  text: string,
): Promise<{ status: number; head: string; body: Record<string, unknown> }> {
  const http = httpServer({ headersMs: 200, requestMs: 200 }, silentLog, (request, response) => {
    request.resume().once('end', () => response.end('{}'))
  })
  const listener = net.createServer((socket) => http.emit('connection', socket)).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  try {
    const socket = net.connect((listener.address() as net.AddressInfo).port, '127.0.0.1')
    socket.write(text)
    let got = ''
    for await (const chunk of socket) got += chunk
    const [head = '', body = ''] = got.split('\r\n\r\n')
    return { status: Number(head.split(' ')[1]), head, body: JSON.parse(body) as Record<string, unknown> }
  } finally {
    http.close()
    listener.close()
  }
}

const HOST = 'host: localhost\r\n'
for (const [name, text, status, detail] of [
  ['headers over the limit', `GET / HTTP/1.1\r\n${HOST}x: ${'x'.repeat(20_000)}\r\n\r\n`, 431, /over 16 KiB/],
  ['headers that never end', `GET / HTTP/1.1\r\n${HOST}`, 408, /did not arrive completely in time/],
  [
    'a body that never comes',
    `POST / HTTP/1.1\r\n${HOST}content-length: 5\r\n\r\nab`,
    408,
    /did not arrive completely/,
  ],
  [
    'an expectation of something else',
    `GET / HTTP/1.1\r\n${HOST}expect: miracles\r\nconnection: close\r\n\r\n`,
    417,
    /miracles/,
  ],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n', 400, /not an HTTP request/],
] as const) {
  test(`${name}: ${status}, as a problem that says so`, async () => {
    const answer = await answerTo(text)
    assert.equal(answer.status, status)
    assert.match(answer.head, /content-type: application\/problem\+json/i)
    assert.match(answer.head, /connection: close/i)
    assert.deepEqual([answer.body.status, answer.body.code], [status, 'INVALID'])
    assert.match(String(answer.body.detail), detail)
  })
}
