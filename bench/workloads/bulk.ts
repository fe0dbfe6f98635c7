/**
 * Bulk transfer: one stream down, one up, eight down; and what each place of the chain pays for it.
 *
 * @module
 */

import { costMetrics, costSample, startMeter } from '../cost.ts'
import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import { type Sample, type Subject, type Workload, warmMs } from '../workload.ts'

export const bulkDown = bulk('bulk-down', 'bulk, one stream, application → user', {
  direction: 'down',
  streams: 1,
})
export const bulkUp = bulk('bulk-up', 'bulk, one stream, user → application', { direction: 'up', streams: 1 })
export const streams8 = bulk('streams-8', 'bulk, eight streams, application → user', {
  direction: 'down',
  streams: 8,
})

export const streams8Up = bulk('streams-8-up', 'bulk, eight streams, user → application', {
  direction: 'up',
  streams: 8,
})

type Shape = Pick<BulkRequest, 'direction' | 'streams'>

function bulk(name: string, title: string, shape: Shape): Workload {
  return {
    name,
    title,
    metrics: [
      { name: 'rate', unit: 'MB/s', better: 'higher', digits: 0 },
      ...costMetrics('s/GB', 2),
      ...(shape.streams > 1
        ? [{ name: 'fairness', unit: 'Jain', better: 'higher', digits: 2 } as const]
        : []),
    ],
    measure: (subject) => measure(subject, shape),
  }
}

async function measure({ path, seconds }: Subject, { direction, streams }: Shape): Promise<Sample> {
  const at = path.to[direction === 'down' ? 'source' : 'sink']
  const request: BulkRequest = { direction, streams, at, warmMs: warmMs(seconds), seconds }
  await using load = Generator.load('bulk', request, (seconds + 20) * 1000)
  await load.json<BulkLine>()
  const used = startMeter(path)
  const done = await load.json<BulkLine>()
  const cost = used()
  if (done.at !== 'done' || done.bytes === 0) throw new Error('no byte came through')
  return {
    rate: done.bytes / 1e6 / done.seconds,
    ...costSample(cost, done.bytes / 1e9),
    ...(streams > 1 && { fairness: jain(done.perStream) }),
  }
}

/** Jain's index: 1 when all get the same, 1/n when one gets all. */
export function jain(shares: readonly number[]): number {
  const sum = shares.reduce((total, each) => total + each, 0)
  const squares = shares.reduce((total, each) => total + each * each, 0)
  return squares === 0 ? 0 : sum ** 2 / (shares.length * squares)
}
