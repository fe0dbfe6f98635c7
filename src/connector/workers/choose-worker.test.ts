import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseWorker, type WorkerChoice } from './choose-worker.ts'

const IDLE: WorkerChoice = {
  ...{ isWell: true, hasBegun: true, ofClient: 0 },
  ...{ bytesPerSecond: 0, sessions: 0, tunnels: 0 },
}
const BUSY = { bytesPerSecond: 200_000_000, sessions: 1, tunnels: 1 }

for (const [what, workers, chosen] of [
  ['the one that carries least', [BUSY, {}], 1],
  ['the one with fewer sessions, where both carry what people type', [{ sessions: 3 }, { sessions: 2 }], 1],
  ['another one than that of the same client, however busy it is', [{ ofClient: 1 }, BUSY], 1],
  ['that of the same client, where there is no other', [{ ofClient: 1 }, { ofClient: 1, ...BUSY }], 0],
  [
    'the one with fewer of the same client, where each has some',
    [{ ofClient: 2 }, { ofClient: 1, ...BUSY }],
    1,
  ],
  ['one that does what it is told, whatever it carries', [{ isWell: false }, { ...BUSY, ofClient: 1 }], 1],
  ['one that was not just given a tunnel', [{ tunnels: 1 }, {}], 1],
  ['one that runs rather than one that is being started', [{ hasBegun: false }, BUSY], 1],
  [
    'one that is being started rather than that of the same client',
    [{ ofClient: 1 }, { hasBegun: false }],
    1,
  ],
  ['none, where there is none', [], undefined],
] as const) {
  test(`a tunnel is carried by ${what}`, () => {
    assert.equal(chooseWorker(workers.map((one) => ({ ...IDLE, ...one }))), chosen)
  })
}
