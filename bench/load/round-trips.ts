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
  /** On all sessions together. */
  readonly perSecond: number
  /** Each sends in its turn; one by default. */
  readonly sessions?: number
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
const message = Buffer.alloc(request.messageBytes, 'r')
let sent = 0
let back = 0
let countFrom = Number.POSITIVE_INFINITY

/** One session: answers come back in the order of the messages. */
class Echoed {
  readonly #socket = net.connect({ ...request.at, noDelay: true })
  /** Of those that are out: when each left, and whether it counts. */
  readonly #out: { readonly atNs: bigint; readonly counts: boolean }[] = []
  #received = 0

  constructor() {
    this.#socket.on('data', ({ length }) => this.#took(length))
  }

  async ready(): Promise<void> {
    await once(this.#socket, 'connect')
  }

  send(): void {
    this.#out.push({ atNs: process.hrtime.bigint(), counts: sent++ >= countFrom })
    this.#socket.write(message)
  }

  #took(bytes: number): void {
    const nowNs = process.hrtime.bigint()
    this.#received += bytes
    for (; this.#received >= request.messageBytes; this.#received -= request.messageBytes) {
      const { atNs, counts } = this.#out.shift()!
      if (counts) histogram.record(nowNs - atNs)
      back += 1
    }
  }
}

const sessions = Array.from({ length: request.sessions ?? 1 }, () => new Echoed())
await Promise.all(sessions.map((session) => session.ready()))

const tick = setInterval(() => sessions[sent % sessions.length]!.send(), 1000 / request.perSecond)

setTimeout(() => {
  countFrom = sent
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
    lost: sent - back,
    p50Us: us(histogram.percentile(50)),
    p99Us: us(histogram.percentile(99)),
    maxUs: us(histogram.max),
  }
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}
