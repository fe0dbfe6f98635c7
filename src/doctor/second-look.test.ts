import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { CHECKS } from './checks/all.ts'
import { diagnose } from './diagnose.ts'
import { factsOf } from './facts.fixture.ts'
import { Patience } from './patience.ts'
import { lookAtTls } from './tls-look.ts'

/** What the doctor sees of whoever does this with each connection, and says of it. */
async function met(serve: (socket: net.Socket) => void, pauseOnConnect = false) {
  const open = new Set<net.Socket>()
  const server = net.createServer({ pauseOnConnect }, (socket) => {
    open.add(socket.on('error', () => {}))
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const dial = async () => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return socket.on('error', () => {})
  }
  const { signal } = new AbortController()
  const daemonMet = Promise.resolve(undefined)
  const patience = new Patience({ daemonMet, signal })
  const edge = { host: 'edge.example.com', port }
  try {
    const tls = await lookAtTls(await dial(), { edge, dial, signal, patience })
    const { roots } = diagnose(CHECKS, factsOf({ known: { tls }, without: ['answer'] }))
    const of = Object.fromEntries(tls.second!.map(({ asked, is }) => [asked, is]))
    return { of, verdict: roots[0]!.verdict }
  } finally {
    for (const socket of open) socket.destroy()
    server.close()
  }
}

for (const how of ['destroy', 'end'] as const) {
  test(`whoever drops connections as they come (${how}) is told from one who drops what they say`, async () => {
    const { of, verdict } = await met((socket) => void socket[how](), true)
    assert.deepEqual(of, { plain: 'ended', nameless: 'ended', short: 'ended', mute: 'ended' })
    assert.equal(verdict.fault, 'EDGE_UNREACHABLE')
    assert.match(verdict.cause, /closes them at once, unread/)
  })
}

test('whoever reads a ClientHello and then drops it is not out of descriptors', async () => {
  const { of, verdict } = await met((socket) => socket.once('data', () => socket.destroy()))
  assert.deepEqual(of, { plain: 'ended', nameless: 'ended', short: 'ended', mute: 'silent' })
  assert.equal(verdict.fault, 'EDGE_UNREACHABLE')
  assert.doesNotMatch(verdict.cause, /descriptors/)
})
