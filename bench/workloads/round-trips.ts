/**
 * Small round trips on a quiet path, then the same while a bulk download runs through the same path.
 *
 * @module
 */

import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import type { RoundTrips, RoundTripsRequest } from '../load/round-trips.ts'
import type { Path } from '../path.ts'
import { type Sample, type Subject, type Workload, warmMs } from '../workload.ts'

const MESSAGE_BYTES = 64
const PER_SECOND = 1000

export const roundTrips: Workload = {
  name: 'round-trips',
  title: `round trips of ${MESSAGE_BYTES} B, ${PER_SECOND} a second, idle and beside a bulk download`,
  metrics: [
    { name: 'loaded/idle p99', unit: '×', better: 'lower', digits: 1 },
    { name: 'idle p50', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'idle p99', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'loaded p50', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'loaded p99', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'loaded bulk', unit: 'MB/s', better: 'higher', digits: 0 },
    { name: 'lost', unit: '', better: 'lower', digits: 0 },
  ],
  measure,
}

async function measure({ path, seconds }: Subject): Promise<Sample> {
  const idle = await trips(path, seconds)
  const bulk: BulkRequest = {
    direction: 'down',
    streams: 1,
    at: path.to.source,
    warmMs: warmMs(seconds),
    // Longer than the round trips it runs beside, start of their process included.
    seconds: seconds + warmMs(seconds) / 1000 + 2,
  }
  await using load = Generator.load('bulk', bulk, (seconds + 30) * 1000)
  await load.json<BulkLine>()
  const loaded = await trips(path, seconds)
  const done = await load.json<BulkLine>()
  return {
    'loaded/idle p99': loaded.p99Us / idle.p99Us,
    'idle p50': idle.p50Us,
    'idle p99': idle.p99Us,
    'loaded p50': loaded.p50Us,
    'loaded p99': loaded.p99Us,
    ...(done.at === 'done' && { 'loaded bulk': done.bytes / 1e6 / done.seconds }),
    lost: idle.lost + loaded.lost,
  }
}

async function trips(path: Path, seconds: number): Promise<RoundTrips> {
  const request: RoundTripsRequest = {
    at: path.to.echo,
    messageBytes: MESSAGE_BYTES,
    perSecond: PER_SECOND,
    warmMs: warmMs(seconds),
    seconds,
  }
  await using load = Generator.load('round-trips', request, (seconds + 20) * 1000)
  const result = await load.json<RoundTrips>()
  if (result.count === 0) throw new Error('no round trip came back')
  return result
}
