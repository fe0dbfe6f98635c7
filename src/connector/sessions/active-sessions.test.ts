import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { keepAliveDue } from '../../base/keep-alive.fixture.ts'
import { tcpPair } from '../../link/dial/tcp-pair.fixture.ts'
import { ActiveSessions } from './active-sessions.ts'

test('of a session that lasts the kernel looks whether the host of the application is still there', async () => {
  await using pair = await tcpPair()
  const witness = { granted() {}, reached() {}, answered() {}, unreached() {}, ended() {} }
  const active = new ActiveSessions(witness, 20)
  active.joined({ socket: undefined }, pair.dialled)
  assert.equal(keepAliveDue(pair.dialled), undefined)
  let due: number | undefined
  while (due === undefined) {
    await pause(5)
    due = keepAliveDue(pair.dialled)
  }
  assert.ok(due > 4000 && due <= 6000, `${due} hundredths of a second`)
})
