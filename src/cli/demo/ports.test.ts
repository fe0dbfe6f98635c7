import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { portHolder } from '../../probe/port-holder.ts'
import { freePort } from './ports.ts'
import { openWire } from './wire.ts'

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as net.AddressInfo).port
}

test('a port that is taken: the next free one, and the process that holds it', async () => {
  const server = net.createServer()
  const port = await listening(server)
  const found = await freePort('127.0.0.1', port)
  assert.ok(found.port > port)
  assert.match(found.heldBy!, new RegExp(`\\(process ${process.pid}\\)$`))
  server.close()
  await once(server, 'close')
  assert.deepEqual(await freePort('127.0.0.1', port), { port })
  assert.equal(portHolder(port), undefined)
})

test('a wire carries both ways and passes the end of each', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'bs-wire-'))
  const far = net.createServer({ allowHalfOpen: true }, (socket) => {
    let text = ''
    socket.setEncoding('utf8').on('data', (part) => {
      text += part
    })
    socket.on('end', () => socket.end(`${text}!`))
  })
  const port = await listening(far)
  {
    await using _far = await openWire({ path: path.join(folder, 'w') }, { host: '127.0.0.1', port })
    const near = net.connect({ path: path.join(folder, 'w'), allowHalfOpen: true })
    near.end('question')
    assert.equal(Buffer.concat(await near.toArray()).toString(), 'question!')
  }
  far.close()
  await once(far, 'close')
  rmSync(folder, { recursive: true })
})
