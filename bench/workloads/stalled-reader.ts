/**
 * One reader of a hundred stops reading: what do the other ninety-nine lose?
 *
 * @module
 */

import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import type { Path } from '../path.ts'
import { shuffled } from '../statistics.ts'
import { type Sample, type Subject, type Workload, warmMs } from '../workload.ts'

const OTHERS = 99

export const stalledReader: Workload = {
  name: 'stalled-reader',
  title: `${OTHERS} downloads, alone and beside one reader that stopped`,
  metrics: [
    { name: 'kept', unit: '×', better: 'higher', digits: 3 },
    { name: 'alone', unit: 'MB/s', better: 'higher', digits: 0 },
    { name: 'beside', unit: 'MB/s', better: 'higher', digits: 0 },
  ],
  measure,
}

/** In the order alone, beside, beside, alone (or its mirror), so that a drift of the machine falls on both. */
async function measure({ path, seconds }: Subject): Promise<Sample> {
  const [first, second] = shuffled([0, 1]) as [0 | 1, 0 | 1]
  const rates: [number[], number[]] = [[], []]
  for (const stalled of [first, second, second, first])
    rates[stalled].push(await rate(path, seconds / 2, stalled))
  const [alone, beside] = rates.map((pair) => (pair[0]! + pair[1]!) / 2) as [number, number]
  return { kept: beside / alone, alone, beside }
}

async function rate(path: Path, seconds: number, stalled: number): Promise<number> {
  const at = path.to.source
  const request: BulkRequest = {
    direction: 'down',
    streams: OTHERS,
    stalled,
    at,
    warmMs: warmMs(seconds),
    seconds,
  }
  await using load = Generator.load('bulk', request, (seconds + 30) * 1000)
  await load.json<BulkLine>()
  const done = await load.json<BulkLine>()
  if (done.at !== 'done' || done.bytes === 0) throw new Error('no byte came through')
  return done.bytes / 1e6 / done.seconds
}
