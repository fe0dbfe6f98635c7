/**
 * Bulk generator. Its one argument is a JSON `BulkRequest`; it prints one JSON line when counting starts (`warm`),
 * one per `progressBytes`, and one at the end (`done`).
 *
 * Counts on this side, after the warm-up has filled every buffer on the way, so that what is counted in the time
 * is what went through in the time.
 *
 * @module
 */

import net from 'node:net'
import type { Address } from '../children.ts'

export interface BulkRequest {
  readonly direction: 'down' | 'up'
  /** A `source` for down, a `sink` for up. */
  readonly at: Address
  readonly streams: number
  /** Further readers that take their first bytes and then never read again. */
  readonly stalled?: number
  readonly warmMs: number
  readonly seconds: number
  /** Ends after so many bytes instead, telling every `progressBytes`. */
  readonly bytes?: number
  readonly progressBytes?: number
}

export type BulkLine =
  | { readonly at: 'warm' }
  | { readonly at: 'progress'; readonly bytes: number }
  | {
      readonly at: 'done'
      readonly bytes: number
      readonly seconds: number
      readonly perStream: readonly number[]
    }

const request = JSON.parse(process.argv[2]!) as BulkRequest
const counted: number[] = Array.from({ length: request.streams }, () => 0)
const chunk = Buffer.alloc(1 << 20, 'backstitch ')
const sockets: net.Socket[] = []

function say(line: BulkLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function fail(error: Error): void {
  process.stderr.write(`${error.message}\n`)
  process.exit(1)
}

/** Reads into one buffer for ever; nothing is copied or kept. */
function download(stream: number): void {
  const buffer = Buffer.allocUnsafeSlow(256 * 1024)
  const onread = {
    buffer,
    callback: (bytes: number) => {
      counted[stream]! += bytes
      return true
    },
  }
  const socket = net.connect({ ...request.at, noDelay: true, onread })
  sockets.push(socket.on('error', fail).on('end', () => fail(new Error('the far end closed the transfer'))))
}

function upload(stream: number): void {
  const socket = net.connect({ ...request.at, noDelay: true })
  const fill = () => {
    while (socket.write(chunk, () => (counted[stream]! += chunk.length)));
  }
  sockets.push(socket.on('error', fail).on('connect', fill).on('drain', fill))
}

/** Takes its first bytes and stops: every buffer between the source and here fills and stays full. */
function stall(): void {
  const socket = net.connect({ ...request.at, noDelay: true })
  sockets.push(socket.on('error', fail).once('data', () => socket.pause()))
}

for (let each = 0; each < (request.stalled ?? 0); each++) stall()
for (let stream = 0; stream < request.streams; stream++) {
  if (request.direction === 'down') download(stream)
  else upload(stream)
}

function total(): number {
  return counted.reduce((sum, bytes) => sum + bytes, 0)
}

setTimeout(() => {
  counted.fill(0)
  const startMs = performance.now()
  say({ at: 'warm' })
  const finish = () => {
    say({ at: 'done', bytes: total(), seconds: (performance.now() - startMs) / 1000, perStream: counted })
    process.stdout.end(() => process.exit(0))
  }
  if (request.bytes === undefined) {
    setTimeout(finish, request.seconds * 1000)
    return
  }
  let told = 0
  const step = request.progressBytes ?? request.bytes
  setInterval(() => {
    for (; total() >= told + step; told += step) say({ at: 'progress', bytes: told + step })
    if (total() >= request.bytes!) finish()
  }, 50)
}, request.warmMs)
