import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { Fault } from '../../base/faults.ts'
import type { Standstill } from '../../base/standstill.ts'
import { agentChannel } from './control-ends.ts'
import { selfInflicted } from './self-inflicted.ts'

const STILL: Standstill = { kind: 'stopped', lostMs: 12_000, endedAtMs: 1 }

test('whoever stood still calls nobody silent; what control has decided stays what it is', () => {
  const silent = new Fault('CONTROL_UNREACHABLE', 'no reply to a ping in 5000 ms')
  const own = selfInflicted(silent, STILL, 'connector')
  assert.deepEqual([own.code, own.hop, own.seen.stoodStillMs], ['STOOD_STILL', 'connector', 12_000])
  assert.match(own.detail, /was paused for 12\.0 s.*\(CONTROL_UNREACHABLE: no reply to a ping in 5000 ms\)$/)
  assert.equal(selfInflicted(silent, undefined, 'connector'), silent)
  const revoked = new Fault('IDENTITY_REVOKED', 'disabled')
  assert.equal(selfInflicted(revoked, STILL, 'connector'), revoked)
})

/** A control plane in a process of its own, that says how its one connection ended. */
const SERVER = `
import { WebSocketServer } from 'ws'
import { WEB_SOCKET } from '${path.join(import.meta.dirname, 'control-channel.ts')}'
import { controlEnd } from '${path.join(import.meta.dirname, 'control-ends.ts')}'
const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...WEB_SOCKET })
server.on('connection', (socket) => {
  const end = controlEnd(socket, { pingMs: 100, replyMs: 300 })
  void end.closed.then((fault) => console.log(fault?.detail ?? 'orderly'))
  console.log('connected')
})
server.on('listening', () => console.log(server.address().port))
`

test('a control plane that was stopped takes the replies that waited for it for replies', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: import.meta.dirname,
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async () => String((await lines.next()).value)
  const socket = new WebSocket(`ws://127.0.0.1:${await line()}`, { autoPong: false })
  // This end bears it: only the other one is asked whom it blames.
  const agent = agentChannel(socket, { pingMs: 600_000 })
  assert.equal(await line(), 'connected')
  await once(socket, 'ping')
  child.kill('SIGSTOP')
  socket.pong() // there before its time is up, and nobody reads it
  socket.on('ping', () => socket.pong())
  await new Promise((resolve) => setTimeout(resolve, 2500)) // what is tested is time that goes by
  child.kill('SIGCONT')
  const over = agent.closed.then(() => assert.fail('it was given up'))
  for (let pings = 0; pings < 3; pings++) await Promise.race([once(socket, 'ping'), over])
  over.catch(() => {})
  assert.equal(agent.isOpen, true)
  agent.close()
  assert.equal(await line(), 'orderly')
  child.kill('SIGKILL')
  await once(child, 'exit')
})
