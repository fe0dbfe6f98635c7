import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseWorker, type WorkerChoice } from './choose-worker.ts'

const IDLE: WorkerChoice = {
  ...{ isWell: true, hasBegun: true, isOfClient: false },
  ...{ bytesPerSecond: 0, sessions: 0, tunnels: 0 },
}
const BUSY = { bytesPerSecond: 200_000_000, sessions: 1, tunnels: 1 }

for (const [what, workers, chosen] of [
  ['the one that carries least', [BUSY, {}], 1],
  ['the one with fewer sessions, where both carry what people type', [{ sessions: 3 }, { sessions: 2 }], 1],
  ['another one than that of the same client, however busy it is', [{ isOfClient: true }, BUSY], 1],
  [
    'that of the same client, where there is no other',
    [{ isOfClient: true }, { isOfClient: true, ...BUSY }],
    0,
  ],
  [
    'one that does what it is told, whatever it carries',
    [{ isWell: false }, { ...BUSY, isOfClient: true }],
    1,
  ],
  ['one that was not just given a tunnel', [{ tunnels: 1 }, {}], 1],
  ['one that runs rather than one that is being started', [{ hasBegun: false }, BUSY], 1],
  [
    'one that is being started rather than that of the same client',
    [{ isOfClient: true }, { hasBegun: false }],
    1,
  ],
  ['none, where there is none', [], undefined],
] as const) {
  test(`a tunnel is carried by ${what}`, () => {
    assert.equal(chooseWorker(workers.map((one) => ({ ...IDLE, ...one }))), chosen)
  })
}
