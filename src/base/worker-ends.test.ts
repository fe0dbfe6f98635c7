import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Fault } from './faults.ts'
import { WorkerEnds } from './worker-ends.ts'

const NOON_MS = Date.UTC(2026, 0, 2, 12)
const MINUTE_MS = 60_000

function openEnds() {
  let ms = 0
  const ends = new WorkerEnds({ nowMs: () => NOON_MS + ms, monotonicMs: () => ms })
  return {
    ends,
    pass: (time: number) => {
      ms += time
    },
    end: (worker: number, how = 'SIGKILL') =>
      ends.add(
        new Fault('WORKER_ENDED', `edge worker ${worker} exited: ${how}`, {
          hop: 'edge',
          seen: { pid: 100 + worker },
        }),
      ),
  }
}

test('nothing is wrong before one has ended, and nothing ten minutes after the last', () => {
  const { ends, pass, end } = openEnds()
  const code = () => ends.fault?.code
  assert.equal(code(), undefined)
  end(1)
  pass(10 * MINUTE_MS - 1)
  assert.equal(code(), 'WORKER_ENDED')
  pass(1)
  assert.equal(code(), undefined)
})

test('the last one, how many in ten minutes, and when: in words that stay the same between two ends', () => {
  const { ends, pass, end } = openEnds()
  end(2, 'exit 1')
  assert.equal(
    ends.fault?.detail,
    'edge worker 2 exited: exit 1; 1 end of a worker in 10 min, the last at 2026-01-02T12:00:00.000Z',
  )
  pass(MINUTE_MS)
  end(1)
  const said =
    'edge worker 1 exited: SIGKILL; 2 ends of workers in 10 min, the last at 2026-01-02T12:01:00.000Z'
  assert.equal(ends.fault?.detail, said)
  pass(MINUTE_MS)
  const { detail, hop, seen } = ends.fault!
  assert.deepEqual([detail, hop, seen.pid], [said, 'edge', 101])
  assert.deepEqual(seen.ends, [
    '2026-01-02T12:00:00.000Z edge worker 2 exited: exit 1',
    '2026-01-02T12:01:00.000Z edge worker 1 exited: SIGKILL',
  ])
  pass(8.5 * MINUTE_MS)
  assert.match(
    ends.fault!.detail,
    /^edge worker 1 exited: SIGKILL; 1 end of a worker in 10 min, the last at /,
  )
})

test('of one that cannot start it keeps a bounded number, and the newest', () => {
  const { ends, pass, end } = openEnds()
  for (let n = 0; n < 1000; n++) {
    end(1, `exit ${n}`)
    pass(100)
  }
  assert.match(ends.fault!.detail, /^edge worker 1 exited: exit 999; 200 ends of workers in 10 min/)
  assert.equal((ends.fault!.seen.ends as string[]).length, 10)
})
