import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { tryUdp } from './udp.ts'

async function listener(answers: boolean) {
  const socket = dgram.createSocket('udp4')
  socket.on('message', (_, from) => answers && socket.send('pong', from.port, from.address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, [Symbol.dispose]: () => socket.close() }
}

const limits = { signal: new AbortController().signal, timeoutMs: 600 }

test('over UDP an answer and a port without anybody are told; from silence nothing follows', async () => {
  using talks = await listener(true)
  using listens = await listener(false)
  const gone = await listener(false)
  gone[Symbol.dispose]()
  const [open, silent, refused] = await Promise.all(
    [talks, listens, gone].map(({ port }) => tryUdp('127.0.0.1', port, limits)),
  )
  assert.deepEqual([open!.is, silent!.is, refused!.is], ['open', 'silent', 'refused'])
  assert.equal(refused!.errno, 'ECONNREFUSED')
})

test('a look that is given up ends at once and leaves nothing open', async () => {
  using listens = await listener(false)
  const over = AbortSignal.abort()
  assert.equal((await tryUdp('127.0.0.1', listens.port, { ...limits, signal: over })).is, 'silent')
})
