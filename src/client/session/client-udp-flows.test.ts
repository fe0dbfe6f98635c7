import assert from 'node:assert/strict'
import { test } from 'node:test'
import { destination } from '../address/destination.ts'
import type { ClientSession, SessionEvents } from './client-session.ts'
import { ClientUdpFlows } from './client-udp-flows.ts'
import { LaneChooser } from './lane-chooser.ts'
import type { Opener } from './open-session.ts'

/** Opens at once what repeats every datagram, and keeps what is open. */
function echoes() {
  const open = new Set<number>()
  let opened = 0
  const opener = {
    nowUs: () => 0,
    lanes: new LaneChooser(),
    open: (_lane: unknown, events: SessionEvents) => {
      const id = opened++
      open.add(id)
      const stream = {
        onDatagram: undefined as ((datagram: Buffer) => void) | undefined,
        sendDatagram: (datagram: Buffer) => stream.onDatagram?.(datagram),
        end: () => open.delete(id),
      }
      const session = { isOpen: true, stream } as unknown as ClientSession
      events.opened?.(session)
      return session
    },
  } as unknown as Opener
  return { opener, open, opened: () => opened }
}

test('a program that takes a new port for each question is answered for ever: the quietest flow makes room', () => {
  const { opener, open, opened } = echoes()
  using flows = new ClientUdpFlows({ opener, entry: 'forward-udp', maxFlows: 8 })
  const to = destination('dns.example', 53, 'udp')
  const answers: string[] = []
  const ask = (key: string) =>
    flows.send(key, to, Buffer.from(key), () => (datagram) => answers.push(datagram.toString()))
  ask('kept')
  const asked = ['kept']
  for (let i = 0; i < 100; i++) {
    ask(`port ${i}`)
    ask('kept') // in use all the time: never the quietest
    asked.push(`port ${i}`, 'kept')
  }
  assert.deepEqual(answers, asked)
  assert.equal(opened(), 101, 'the one in use was opened once')
  assert.equal(flows.size, 8)
  assert.equal(open.size, 8, 'those that made room have ended')
})
