import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { asFault } from '../../base/faults.ts'
import { howItBroke } from './tls-alert.ts'
import { startTls } from './tls-session.ts'

test('howItBroke: who ended it, and whose certificate that was about', () => {
  const cases: [string, RegExp][] = [
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /the other side .*"unknown ca", about this side's certificate/],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', /the other side .*"certificate expired", about this side/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /the other side .*"certificate required", about/],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', /the other side ended it with the alert "unrecognized name" \(/],
    [
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      /the other side ended it with the alert "handshake failure" \(/,
    ],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /^this side ended it/],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', /^this side ended it/],
    ['ECONNRESET', /^the connection ended \(ECONNRESET\)$/],
    ['CLOSED', /^the connection ended \(CLOSED\)$/],
  ]
  for (const [code, wanted] of cases) assert.match(howItBroke(code), wanted)
})

test('a server that declines our protocol is told from one that speaks no TLS: the fault says which side ended it', async (t) => {
  const strict = tls.createServer({ ALPNProtocols: ['h2'], SNICallback: (_name, done) => done(null) })
  const plain = net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH\r\n'))
  const shake = async (server: net.Server) => {
    server.listen(0, '127.0.0.1').on('tlsClientError', () => {})
    t.after(() => server.close())
    await once(server, 'listening')
    const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
    await once(socket, 'connect')
    const context = tls.createSecureContext({ minVersion: 'TLSv1.3' })
    const { signal } = new AbortController()
    return startTls(socket, { context, alpn: 'backstitch-control/1', signal }).catch(asFault)
  }
  assert.match(asFault(await shake(strict)).message, /the other side ended it with the alert/)
  assert.match(asFault(await shake(plain)).message, /this side ended it/)
})
