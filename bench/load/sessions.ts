/**
 * New-session generator: connect, one byte there and back, close; so many at a time. Prints one JSON `Sessions` line.
 *
 * @module
 */

import net from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import type { Address } from '../children.ts'

export interface SessionsRequest {
  /** An echo. */
  readonly at: Address
  readonly concurrency: number
  readonly warmMs: number
  readonly seconds: number
}

export interface Sessions {
  readonly count: number
  /** Those of the warm-up too, for cost per session. */
  readonly total: number
  readonly failed: number
  readonly perSecond: number
  readonly p50Us: number
  readonly p99Us: number
}

const request = JSON.parse(process.argv[2]!) as SessionsRequest
const histogram = createHistogram()
const byte = Buffer.from('b')
let failed = 0
let total = 0
let counting = false
let stopped = false

/** One session; resolves with whether its byte came back. */
function session(): Promise<boolean> {
  return new Promise((resolve) => {
    let echoed = false
    const socket = net.connect({ ...request.at, noDelay: true })
    socket
      .on('connect', () => socket.write(byte))
      .on('data', () => {
        echoed = true
        socket.end()
        // The next one need not wait until the kernel has put this one to rest.
        resolve(true)
      })
      .on('error', () => resolve(echoed))
      .on('close', () => resolve(echoed))
  })
}

async function worker(): Promise<void> {
  while (!stopped) {
    const startNs = process.hrtime.bigint()
    const ok = await session()
    if (ok) total += 1
    if (!counting || stopped) continue
    if (ok) histogram.record(process.hrtime.bigint() - startNs)
    else failed += 1
  }
}

for (let each = 0; each < request.concurrency; each++) void worker()
setTimeout(() => {
  counting = true
  const startMs = performance.now()
  setTimeout(() => {
    stopped = true
    const result: Sessions = {
      count: histogram.count,
      total,
      failed,
      perSecond: histogram.count / ((performance.now() - startMs) / 1000),
      p50Us: Math.round(histogram.percentile(50) / 1000),
      p99Us: Math.round(histogram.percentile(99) / 1000),
    }
    process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
  }, request.seconds * 1000)
}, request.warmMs)
