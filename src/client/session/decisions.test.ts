import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from '../../base/faults.ts'
import { createLog } from '../../base/log.ts'
import type { Destination } from '../address/destination.ts'
import { Decisions } from './decisions.ts'

const to = (host: string): Destination => ({ host, port: 22, protocol: 'tcp', key: `tcp/${host}:22` })

function recorder() {
  const lines: Record<string, unknown>[] = []
  const log = createLog('client', {
    level: 'info',
    destination: { write: (line) => void lines.push(JSON.parse(line)) },
  })
  const clock = { now: 1_800_000_000_000, ms: 0, nowMs: () => clock.now, monotonicUs: () => clock.ms * 1000 }
  return { lines, clock, decisions: new Decisions(log, clock) }
}

test('a refusal is logged with its code although nothing was sent, and shown first in status', () => {
  const { lines, decisions } = recorder()
  decisions.sent('forward', to('db'), 'segment db')
  decisions.refused('socks5', to('wiki').key, new Fault('CLIENT_WRONG_PORT', 'segment wiki lists tcp 443'))
  assert.equal(lines[1]!.code, 'CLIENT_WRONG_PORT')
  assert.equal(lines[1]!.hop, 'client')
  assert.equal(lines[1]!.level, 'warn')
  assert.equal(
    lines[1]!.msg,
    'tcp/wiki:22 refused: CLIENT_WRONG_PORT (client): The most specific segment does not list this port: segment wiki lists tcp 443; more: backstitch client status',
  )
  assert.deepEqual(
    decisions.latest.map((d) => [d.destination, d.outcome]),
    [
      ['tcp/wiki:22', 'refused'],
      ['tcp/db:22', 'sent'],
    ],
  )
})

test('a program that retries is counted, not logged again and again', () => {
  const { lines, clock, decisions } = recorder()
  for (let i = 0; i < 1000; i++) decisions.refused('socks5', 'tcp/a:1', new Fault('POLICY_DENIED', 'rule x'))
  assert.equal(lines.length, 1)
  assert.equal(decisions.latest[0]!.times, 1000)
  clock.now -= 3_600_000 // Somebody sets it: nobody is quiet for an hour.
  decisions.refused('socks5', 'tcp/a:1', new Fault('POLICY_DENIED', 'rule x'))
  assert.equal(lines.length, 1)
  clock.ms += 61_000
  decisions.refused('socks5', 'tcp/a:1', new Fault('POLICY_DENIED', 'rule x'))
  assert.equal(lines.length, 2)
  assert.equal(lines[1]!.times, 1002)
})

test('destinations by the thousand are not all kept', () => {
  const { decisions } = recorder()
  for (let i = 0; i < 1000; i++) decisions.sent('forward', to(`h${i}`), '')
  assert.equal(decisions.latest.length, 100)
  assert.equal(decisions.latest[0]!.destination, 'tcp/h999:22')
})
