/** curl fetches from and sends to nginx, through both sides of the local proxy. */
import assert from 'node:assert/strict'
import { rm, stat } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Address } from '../../bench/children.ts'
import { needs } from '../needs.ts'
import { finish, shell, succeed } from '../program.ts'
import { makeCertificate, serveNginx } from './nginx.ts'
import { checksum, freeAddress, Place, randomFile, show } from './place.ts'

const GIGABYTE = 1000
const LONG_MS = 180_000

describe('curl over the tunnel', { skip: needs('curl', 'nginx', 'openssl') }, () => {
  let place: Place
  let sum: string
  let http: Address
  let https: Address
  let curl: [string, ...string[]]
  const proxies = () => ({
    SOCKS5: ['--socks5-hostname', show(place.proxy)],
    'HTTP CONNECT': ['--proxytunnel', '--proxy', `http://${show(place.proxy)}`],
  })

  before(async () => {
    http = await freeAddress()
    https = await freeAddress('127.0.0.1') // where the name localhost leads
    place = await Place.open()
    const tls = await makeCertificate(place)
    sum = await randomFile(place.file('gigabyte'), GIGABYTE)
    const server = `location /sent/ { dav_methods PUT; create_full_put_path on; }
      location = /hello { default_type text/plain; return 200 "$server_protocol $request_method $http_x_ask\\n"; }`
    await serveNginx(place, { server, at: { http, https }, tls })
    curl = ['curl', '-q', '-sS', '--fail', '--noproxy', '', '--cacert', tls.certificate]
  })
  after(() => place?.[Symbol.asyncDispose]())

  for (const proxy of ['SOCKS5', 'HTTP CONNECT'] as const) {
    test(`HTTP/1.1 in the clear and HTTP/2 over TLS, by ${proxy}`, async () => {
      const ask = ['-H', 'X-Ask: what', ...proxies()[proxy]]
      const plain = await succeed([...curl, ...ask, '--http1.1', `http://${show(http)}/hello`])
      assert.equal(plain, 'HTTP/1.1 GET what\n')
      // By name: the certificate must be that of the application, resolved where the connector stands.
      const secure = [...ask, '--http2', `https://localhost:${https.port}/hello`]
      assert.equal(await succeed([...curl, ...secure]), 'HTTP/2.0 GET what\n')
    })
  }

  test('1 GB comes down whole, by SOCKS5 and HTTP/1.1', async () => {
    const line = 'url=$1; shift; "$@" "$url" | sha256sum'
    const command = shell(line, `http://${show(http)}/gigabyte`, ...curl, ...proxies().SOCKS5)
    assert.equal((await succeed(command, { timeoutMs: LONG_MS })).slice(0, 64), sum)
  })

  test('1 GB goes up whole, by HTTP CONNECT and HTTP/1.1', async () => {
    const to = `http://${show(http)}/sent/gigabyte`
    const command = [
      ...curl,
      ...proxies()['HTTP CONNECT'],
      '--upload-file',
      place.file('gigabyte'),
      to,
    ] as const
    await succeed(command, { timeoutMs: LONG_MS })
    assert.equal(await checksum(place.file('sent/gigabyte')), sum)
    await rm(place.file('sent/gigabyte'))
  })

  test('1 GB comes down whole over HTTP/2, which has windows of its own inside ours', async () => {
    const line = 'url=$1; shift; "$@" "$url" | sha256sum'
    const url = `https://localhost:${https.port}/gigabyte`
    const command = shell(line, url, ...curl, '--http2', ...proxies()['HTTP CONNECT'])
    assert.equal((await succeed(command, { timeoutMs: LONG_MS })).slice(0, 64), sum)
  })

  test('a download that was cut goes on where it stopped', async () => {
    const part = place.file('part')
    const get = [...curl, ...proxies().SOCKS5, '-o', part, `http://${show(http)}/gigabyte`] as const
    const cut = await finish([...get, '--limit-rate', '100M', '--max-time', '2'])
    assert.equal(cut.code, 28, 'curl stopped by itself')
    const { size } = await stat(part)
    assert.ok(size > 0 && size < GIGABYTE * 1e6, `${size} bytes so far`)
    await succeed([...get, '--continue-at', '-'], { timeoutMs: LONG_MS })
    assert.equal(await checksum(part), sum)
  })

  test('where nothing listens curl fails with the code of a refusal, and says which hop', async () => {
    const nowhere = show(await freeAddress())
    const socks = await finish([...curl, ...proxies().SOCKS5, `http://${nowhere}/`])
    assert.equal(socks.code, 97, 'the SOCKS proxy refused')
    assert.match(socks.stderr, /\(5\)/, 'RFC 1928: 5 is connection refused')
    const plain = curl.filter((flag) => flag !== '--fail') as [string, ...string[]]
    const body = await succeed([...plain, '--proxy', `http://${show(place.proxy)}`, `http://${nowhere}/`])
    assert.equal(JSON.parse(body).type, 'urn:backstitch:fault:APP_REFUSED')
    assert.equal(JSON.parse(body).hop, 'application')
  })
})
