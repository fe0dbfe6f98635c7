import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { LineShares } from './line-shares.ts'
import { createLog } from './log.ts'
import { Rate } from './shares.ts'

interface Line {
  readonly event: string
  readonly device?: string
  readonly about?: string
  readonly lines?: number
}

function collected() {
  const lines: Line[] = []
  return { lines, destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }
}

test('lines about one device are bounded, and those about another are written', () => {
  const { lines, destination } = collected()
  const log = createLog('connector', { level: 'info', destination }).child({ part: 'x' })
  for (let n = 0; n < 5000; n++) log.warn({ event: 'tunnel.failed', device: 'dev_mallory' }, 'no')
  log.warn({ event: 'tunnel.failed', device: 'dev_asha' }, 'no')
  log.error({ event: 'agent.defect', device: 'dev_mallory' }, 'errors are always written')
  log.info({ event: 'connector.healthy' }, 'about nobody')
  const of = (device: string) => lines.filter((line) => line.device === device).length
  assert.ok(of('dev_mallory') <= 2100, `${of('dev_mallory')}`)
  assert.equal(of('dev_asha'), 1)
  assert.deepEqual(
    lines.slice(-2).map(({ event }) => event),
    ['agent.defect', 'connector.healthy'],
  )
})

test('how many were left out is said, by name up to a limit', () => {
  const { lines, destination } = collected()
  const rate = new Rate({
    ...{ resource: 'lines', code: 'RATE_LIMITED', hop: 'edge' },
    rates: [{ by: 'agent', burst: 1, perSecond: 0.001 }],
  })
  const shares = new LineShares(rate)
  const log = pino({ hooks: { logMethod: shares.logMethod } }, destination)
  for (let n = 0; n < 300; n++) {
    for (let times = 0; times < 3; times++) log.info({ event: 'x', agent: `con_${n}` }, 'text')
  }
  assert.equal(lines.length, 300)
  shares.say(log)
  const said = lines.slice(300)
  assert.equal(said.length, 101)
  assert.deepEqual([said[0]!.event, said[0]!.about, said[0]!.lines], ['log.left-out', 'con_0', 2])
  assert.equal(
    said.reduce((sum, { lines: left = 0 }) => sum + left, 0),
    600,
  )
  shares.say(log)
  assert.equal(lines.length, 401)
})
