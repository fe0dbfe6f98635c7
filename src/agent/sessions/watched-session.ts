/**
 * One session whose answers are watched: what it has carried, as either end of its stream counts it, and whether somebody
 * waits in it.
 *
 * @module
 */
import { closingHop } from '../../mux/closing-hop.ts'
import type { MuxStream } from '../../mux/stream.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { Exchange, type Moved } from '../../policy/exchange.ts'
import type { Flow } from '../../policy/flow.ts'

/** At which end of its streams this is. */
export type Side = 'client' | 'connector'

/** One connection of a user to an application. */
export interface WatchedSession {
  readonly id: string | undefined
  readonly user: string
  /** Where it leads to. */
  readonly address: string | undefined
  /** TCP: of a socket of this process towards the application. */
  readonly nearPort?: number | undefined
}

/** What is seen of a stream, of this process or of one that tells. */
export type WatchedStream = Pick<
  MuxStream,
  'bytesIn' | 'bytesOut' | 'peerSpokeLast' | 'peerHeardFirst' | 'peerEnded' | 'localEnded'
>

export interface Watched<S> {
  readonly session: S
  readonly stream: WatchedStream
  readonly exchange: Exchange
  readonly startedMs: number
  /** It has said of which kind it is. */
  began: boolean
  /** It counts among those that gave up. */
  counted: boolean
  /** Whether it waits for its first byte: `unsure` until the way to the other end of its stream is known to stand. */
  waits: 'no' | 'unsure' | 'yes' | 'told'
  /** The kernel was asked about the pause that began then. */
  askedAboutMs: number
  /** Of datagrams; then there is no exchange. */
  readonly flow: Flow | undefined
}

/**
 * Somebody waits for so long: is what was sent acknowledged at all? Or nothing has come for so long after something did:
 * is that all, or is the rest lost? What has ended looks the same from here; the kernel alone knows of a gap.
 */
export const ASK_KERNEL_AFTER_MS = 3000

export function watch<S>(session: S, stream: WatchedStream, o: { nowMs: number; flow?: Flow }): Watched<S> {
  const { nowMs, flow } = o
  const exchange = new Exchange(nowMs)
  return {
    ...{ session, stream, exchange, flow, startedMs: nowMs },
    ...{ began: false, counted: false, waits: 'no', askedAboutMs: -1 },
  }
}

export function movedIn({ bytesIn, bytesOut, peerSpokeLast }: WatchedStream, side: Side): Moved {
  return side === 'connector'
    ? { up: bytesIn, down: bytesOut, awaits: peerSpokeLast }
    : { up: bytesOut, down: bytesIn, awaits: bytesOut > 0 && !peerSpokeLast }
}

export function programEnded({ peerEnded, localEnded }: WatchedStream, side: Side): boolean {
  return side === 'connector' ? peerEnded : localEnded
}

export function waitsForKernel<S>({ exchange: { askedMs } }: Watched<S>, nowMs: number): boolean {
  return askedMs !== undefined && nowMs - askedMs >= ASK_KERNEL_AFTER_MS
}

/** What had begun to come has stopped, and nobody was asked about that yet. */
export function hasStopped<S>({ exchange, askedAboutMs }: Watched<S>, nowMs: number): boolean {
  const { movedMs, isQuiet } = exchange
  return isQuiet && askedAboutMs < movedMs && nowMs - movedMs >= ASK_KERNEL_AFTER_MS
}

/** The program ended it, first and by itself: nobody took it away. */
export function isGivenUp(end: StreamEnd, side: Side): boolean {
  return end.reason === 'CLIENT_RESET' || (end.reason === 'done' && closingHop(end, side) === 'client')
}

export function waitedText({ up, down }: Moved, waitedMs: number): string {
  const waited = `no answer in ${Math.round(waitedMs / 1000)} s`
  return down === 0 ? `${up} B sent, ${waited}` : `${waited} to the last request; ${down} B received before`
}
