/**
 * Lines about one peer: a device that fails in a loop, or wants to fill a disk, is said often enough to be seen, and
 * leaves room in the log for what others do. How many were left out is a line, once a minute. Errors are always written.
 *
 * @module
 */
import type { Logger, LoggerOptions } from 'pino'
import { LOG_SHARE } from './share-table/log.ts'
import { Rate } from './shares.ts'

type Hook = NonNullable<NonNullable<LoggerOptions['hooks']>['logMethod']>

/** Fields by which a line is about a peer, the closest first. */
const PEER_FIELDS = ['device', 'agent', 'client', 'peer', 'from'] as const
const SAY_EVERY_MS = 60_000
const ERROR_LEVEL = 50
/** Peers that are counted by name within a minute; what is left out of more is counted together. */
const MAX_NAMED = 100

export class LineShares {
  readonly #rate: Rate
  readonly #leftOut = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(rate = new Rate(LOG_SHARE)) {
    this.#rate = rate
  }

  readonly logMethod: Hook = (() => {
    const shares = this
    return function (this: Logger, args, method, level) {
      const peer = level >= ERROR_LEVEL ? undefined : peerOf(args[0])
      if (peer === undefined || shares.#rate.allows(peer)) method.apply(this, args)
      else shares.#leaveOut(peer, this)
    }
  })()

  #leaveOut(peer: string, log: Logger): void {
    const name = this.#leftOut.has(peer) || this.#leftOut.size < MAX_NAMED ? peer : 'others'
    this.#leftOut.set(name, (this.#leftOut.get(name) ?? 0) + 1)
    this.#timer ??= setTimeout(() => this.say(log), SAY_EVERY_MS).unref()
  }

  /** Says what was left out until now. */
  say(log: Logger): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const [about, lines] of this.#leftOut) {
      log.warn({ event: 'log.left-out', about, lines }, `${lines} lines about ${about} were omitted`)
    }
    this.#leftOut.clear()
  }
}

function peerOf(fields: unknown): string | undefined {
  if (typeof fields !== 'object' || fields === null) return undefined
  for (const name of PEER_FIELDS) {
    const value = (fields as Record<string, unknown>)[name]
    if (typeof value === 'string') return value
  }
  return undefined
}
