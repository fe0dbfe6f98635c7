/**
 * `lab show`: the bring-up of connectors, live. Of the lab that is up, or of any status socket.
 *
 * @module
 */
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readStatus } from '../../src/base/status-socket.ts'
import { untilInterrupted } from '../interrupt.ts'
import { sendOrder } from '../orders.ts'
import { frame, type Shown } from './frame.ts'

export interface ShowOptions {
  /** Status sockets; those of the lab that is up when there is none. */
  readonly sockets: readonly string[]
  readonly once: boolean
}

/** What `lab up` answers to the order `sockets`. */
export interface Watched {
  readonly sockets: readonly { readonly name: string; readonly socket: string }[]
  readonly broken?: string
}

const EVERY_MS = 250
const PLAIN_WIDTH_CHARS = 120
const CLEAR = '\x1b[H\x1b[J'
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

/** A terminal is drawn over; elsewhere each picture that differs is written below the one before. */
export async function show({ sockets, once }: ShowOptions): Promise<void> {
  const terminal = process.stdout.isTTY && !once
  const draw = () => picture(sockets)
  if (once) return void process.stdout.write(`${await draw()}\n`)
  using stop = untilInterrupted()
  let before: string | undefined
  if (terminal) process.stdout.write(HIDE_CURSOR)
  try {
    while (!stop.signal.aborted) {
      const now = await draw()
      if (now !== before) process.stdout.write(terminal ? `${CLEAR}${now}\n` : `${now}\n\n`)
      before = now
      await Promise.race([delay(EVERY_MS), stop.now])
    }
  } finally {
    if (terminal) process.stdout.write(SHOW_CURSOR)
  }
}

async function picture(sockets: readonly string[]): Promise<string> {
  const { sockets: watched, broken } = sockets.length > 0 ? named(sockets) : await ofTheLab()
  const shown = await Promise.all(
    watched.map(async (one): Promise<Shown> => {
      const status = (await readStatus(one.socket).catch(() => undefined)) as Shown['status']
      return { ...one, status }
    }),
  )
  const widthChars = process.stdout.columns || PLAIN_WIDTH_CHARS
  return frame(shown, { colour: process.stdout.hasColors?.() ?? false, widthChars }, broken)
}

/** A folder is as good as the socket in it. */
function named(sockets: readonly string[]): Watched {
  return {
    sockets: sockets.map((given) => {
      const socket = path.resolve(given.endsWith('.sock') ? given : path.join(given, 'status.sock'))
      return { name: path.dirname(socket), socket }
    }),
  }
}

async function ofTheLab(): Promise<Watched> {
  let said = ''
  const well = await sendOrder({ do: 'sockets' }, (text) => {
    said += text
  })
  if (!well) throw new Error(said.trim())
  return JSON.parse(said) as Watched
}
