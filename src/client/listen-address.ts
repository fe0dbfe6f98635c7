import { isIP } from 'node:net'
import { Fault } from '../base/faults.ts'

export interface ListenAddress {
  /** An IP address, never a name: what a name means can change under a listener. */
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
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
      `Cannot listen on "${text}": other machines could use it; set listenBeyondLoopback if that is meant`,
      { hop: 'client', seen: { value: text } },
    )
  }
  return { host, port }
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}

/** `127.0.0.1:80`, `[::1]:80`. */
export function showAddress(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
