import { isIP } from 'node:net'
import path from 'node:path'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { isLoopback } from '../../base/ip-address.ts'

export interface ListenAddress {
  /** An IP address, never a name: what a name means can change under a listener. */
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
}

/** A Unix socket: mode 0600, so for programs of this user alone. */
export interface ListenFile {
  readonly file: string
}

export type ListenPlace = ListenAddress | ListenFile

const UNIX = 'unix:'

/**
 * Reads `unix:PATH`, or what parseListen does.
 *
 * @returns The path from the root: whoever listens there may work in another folder.
 * @throws {Fault} INVALID.
 */
export function parsePlace(text: string, o: { beyondLoopback?: boolean } = {}): ListenPlace {
  if (!text.startsWith(UNIX)) return parseListen(text, o)
  const file = text.slice(UNIX.length)
  if (file === '' || file.includes('\0')) {
    throw new Fault('INVALID', `Cannot listen on "${text}": expected unix:PATH`, {
      hop: 'client',
      seen: { value: text },
    })
  }
  return { file: path.resolve(file) }
}

export function showPlace(place: ListenPlace): string {
  return 'file' in place ? `${UNIX}${place.file}` : hostPort(place)
}

/**
 * Reads `PORT`, `ADDRESS:PORT` or `[ADDRESS]:PORT`. `localhost` is taken as 127.0.0.1.
 *
 * @throws {Fault} INVALID if it is not one of these, or not loopback while only loopback is allowed.
 */
export function parseListen(text: string, { beyondLoopback = false } = {}): ListenAddress {
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? (match?.[2] === 'localhost' ? '127.0.0.1' : match?.[2]) ?? '127.0.0.1'
  const port = Number(match?.[3])
  if (match === null || isIP(host) === 0 || port > 65_535) {
    throw new Fault('INVALID', `Cannot listen on "${text}": expected PORT, ADDRESS:PORT or [ADDRESS]:PORT`, {
      hop: 'client',
      seen: { value: text },
    })
  }
  if (!beyondLoopback && !isLoopback(host)) {
    throw new Fault(
      'INVALID',
      `Cannot listen on "${text}": other machines could use it; set listenBeyondLoopback if that is intended`,
      { hop: 'client', seen: { value: text } },
    )
  }
  return { host, port }
}
