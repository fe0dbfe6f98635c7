/**
 * Round-trip generator: small messages on one connection, printed as one JSON `RoundTrips` line.
 *
 * Paced: a message leaves at every tick whether or not the one before is back, so a stall delays every message
 * sent during it and shows in full (no coordinated omission). A tick that Node itself fires late is no fault of
 * the path, so time runs from the real sending.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import type { Address } from '../children.ts'

export interface RoundTripsRequest {
  /** An echo. */
  readonly at: Address
  readonly messageBytes: number
  readonly perSecond: number
  readonly warmMs: number
  readonly seconds: number
}

export interface RoundTrips {
  readonly count: number
  readonly lost: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

/** Time for the last messages to come back; what has not by then is lost. */
const LINGER_MS = 1000

const request = JSON.parse(process.argv[2]!) as RoundTripsRequest
const histogram = createHistogram()
const sentNs: bigint[] = []
const message = Buffer.alloc(request.messageBytes, 'r')
let received = 0
let back = 0
let counting = false
let firstCounted = 0

const socket = net.connect({ ...request.at, noDelay: true })
socket.on('data', (data) => {
  received += data.length
  const nowNs = process.hrtime.bigint()
  for (; received >= request.messageBytes; received -= request.messageBytes) {
    if (counting && back >= firstCounted) histogram.record(nowNs - sentNs[back]!)
    back += 1
  }
})
await once(socket, 'connect')

const tick = setInterval(() => {
  sentNs.push(process.hrtime.bigint())
  socket.write(message)
}, 1000 / request.perSecond)

setTimeout(() => {
  firstCounted = sentNs.length
  counting = true
}, request.warmMs)
setTimeout(
  () => {
    clearInterval(tick)
    setTimeout(finish, LINGER_MS)
  },
  request.warmMs + request.seconds * 1000,
)

function finish(): void {
  const us = (ns: number) => Math.round(ns / 1000)
  const result: RoundTrips = {
    count: histogram.count,
    lost: sentNs.length - back,
    p50Us: us(histogram.percentile(50)),
    p99Us: us(histogram.percentile(99)),
    maxUs: us(histogram.max),
  }
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}
