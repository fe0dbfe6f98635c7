import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { takesConnections } from './takes-connections.ts'

test('takesConnections says whether somebody listens', async () => {
  const server = net.createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  assert.equal(await takesConnections({ host: '127.0.0.1', port }, 5000), true)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await takesConnections({ host: '127.0.0.1', port }), false)
  assert.equal(await takesConnections({ path: '/nowhere/socket' }), false)
})
