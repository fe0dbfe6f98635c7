import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partingBy, whoStops } from './who-stops.ts'

const UNIT = 'backstitch-connector.service'
const job = (type: string, unit = UNIT) => ` 1234 ${unit} ${type} running\n`

/** As systemd 252 prints it. */
const ASKED: [what: string, system: string, jobs: string, why: string][] = [
  ['the machine goes down', 'stopping\n', job('stop'), 'shutdown'],
  ['systemctl stop', 'running\n', job('stop'), 'service-stop'],
  ['systemctl restart, while something else has failed', 'degraded\n', job('restart'), 'service-restart'],
  ['kill: systemd knows of nothing', 'running\n', 'No jobs running.\n', 'signal'],
  ['a job of another unit', 'running\n', job('stop', 'cron.service'), 'signal'],
  ['systemd does not answer', '', '', 'signal'],
]

for (const [what, system, jobs, why] of ASKED) {
  test(`who stops: ${what}`, () => {
    assert.equal(partingBy({ system, jobs, unit: UNIT }).why, why)
  })
}

test('who stops: outside of systemd it is the signal, and whoever keeps the process', async () => {
  const { INVOCATION_ID: before } = process.env
  delete process.env.INVOCATION_ID
  const { why, detail } = await whoStops('SIGTERM')
  if (before !== undefined) process.env.INVOCATION_ID = before
  assert.equal(why, 'signal')
  assert.match(detail!, /^SIGTERM, kept by \S+/)
})
