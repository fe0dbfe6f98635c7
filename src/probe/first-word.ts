/**
 * What whoever took a connection does with it before anybody has asked for anything.
 *
 * @module
 */
import net from 'node:net'
import type { Duplex } from 'node:stream'
import { eitherAborted } from '../base/deadline.ts'

/** `errno`: it ended in no good order. */
export type FirstWord =
  | { readonly is: 'bytes'; readonly bytes: Buffer }
  | { readonly is: 'silent' }
  | { readonly is: 'closed'; readonly errno?: string }

/** Servers that speak first have done so by then, and those that want nobody have hung up. */
export const FIRST_WORD_MS = 1000

/** Never rejects; the stream is left as it is, and whoever asked ends it. */
export function firstWord(stream: Duplex): Promise<FirstWord> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end({ is: 'silent' }), FIRST_WORD_MS)
    const end = (said: FirstWord) => {
      clearTimeout(timer)
      resolve(said)
    }
    stream.once('data', (bytes: Buffer) => end({ is: 'bytes', bytes }))
    stream.once('error', ({ code }: NodeJS.ErrnoException) => end({ is: 'closed', errno: code ?? 'unknown' }))
    for (const event of ['end', 'close']) stream.once(event, () => end({ is: 'closed' }))
  })
}

export interface HungUp {
  readonly address: string
  readonly port: number
  /** From the connection to its end. */
  readonly afterMs: number
  /** Without: by FIN, in good order. */
  readonly errno?: string
}

/** Connects and says nothing. @returns Nothing where no connection stood: what becomes of one was not seen. Never rejects. */
export async function lookForHangUp(
  address: string,
  port: number,
  signal: AbortSignal,
): Promise<HungUp | 'kept' | undefined> {
  using late = eitherAborted(signal, AbortSignal.timeout(CONNECT_MS))
  const socket = net.connect({ host: address, port, autoSelectFamily: false })
  const stop = () => socket.destroy()
  late.addEventListener('abort', stop, { once: true })
  if (late.aborted) stop()
  try {
    const connected = await standing(socket)
    if (connected === undefined) return undefined
    const said = await connected.word
    if (late.aborted) return undefined
    if (said.is !== 'closed') return 'kept'
    const { errno } = said
    return { address, port, afterMs: Math.round(performance.now() - connected.sinceMs), errno }
  } finally {
    late.removeEventListener('abort', stop)
    socket.destroy()
  }
}

const CONNECT_MS = 3000

/** It listens for the first word in the turn in which the connection stands: an end may come in the next. */
function standing(socket: net.Socket): Promise<{ sinceMs: number; word: Promise<FirstWord> } | undefined> {
  return new Promise((resolve) => {
    socket.once('connect', () => resolve({ sinceMs: performance.now(), word: firstWord(socket) }))
    socket.on('error', () => resolve(undefined))
    socket.once('close', () => resolve(undefined))
  })
}
