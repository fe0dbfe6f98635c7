import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { PATIENCE_MS } from '../../base/patience.ts'
import { readEgress } from '../../link/dial/egress.ts'
import { destination } from '../address/destination.ts'
import { dialDirect } from './direct.ts'

test('a proxy is waited for as long as daemons wait for it, and what is silent then is the proxy', async (t) => {
  const proxy = net.createServer((socket) => socket.on('error', () => {}))
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  t.after(() => proxy.close())
  const { port } = proxy.address() as net.AddressInfo
  const egress = await readEgress({ flag: `http://127.0.0.1:${port}`, env: {}, own: undefined })
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const over = new AbortController()
  const dialling = dialDirect(destination('wiki.example', 443, 'tcp'), egress, over.signal)
  const ended = dialling.then(
    () => 'connected',
    (fault) => fault,
  )
  const [socket] = (await once(proxy, 'connection')) as [net.Socket]
  await once(socket, 'data') // CONNECT
  t.mock.timers.tick(PATIENCE_MS.proxy - 1)
  assert.equal(await Promise.race([ended, new Promise((resolve) => setImmediate(resolve, 'waits'))]), 'waits')
  t.mock.timers.tick(1)
  const fault = await ended
  assert.equal(fault.code, 'PROXY_UNREACHABLE')
  assert.match(fault.detail, /^proxy 127\.0\.0\.1:\d+: no answer to CONNECT wiki\.example:443 \(10000 ms\)$/)
})
