import net from 'node:net'
import { interfaceTo } from './next-hop.ts'
import { runProgram } from './run-program.ts'

/** Whole IPv4 or IPv6 packets, in bytes, that are tried at once: from the Ethernet size down to what must always pass. */
const SIZES = [1500, 1480, 1460, 1440, 1420, 1400, 1360, 1280, 1200, 1000, 800, 576] as const
const HEADERS = { 4: 28, 6: 48 } as const // IP and ICMP

export interface PingFacts {
  readonly address: string
  /** The interface that leads there. */
  readonly via?: string
  /** Largest packet that was answered. */
  readonly throughBytes?: number
  /** Smallest that was not, when a smaller one was. */
  readonly lostBytes?: number
  /** Size that somebody named: `message too long, mtu=1400`, `Frag needed and DF set (mtu = 1400)`. */
  readonly toldMtu?: number
  /** The telling line, verbatim. */
  readonly saw: string
}

/**
 * Packets of many sizes that must not be cut, all at once.
 *
 * @returns `undefined` where ping is not installed or may not be used.
 */
export async function pingSizes(address: string, signal: AbortSignal): Promise<PingFacts | undefined> {
  const runs = await Promise.all(
    SIZES.map(async (size) => ({ size, run: await echo(address, size, signal) })),
  )
  if (runs.every(({ run }) => run === undefined || /not permitted|cap_net_raw/i.test(run.stderr)))
    return undefined
  const through = runs.filter(({ run }) => run?.status === 0).map(({ size }) => size)
  const throughBytes = through.length > 0 ? Math.max(...through) : undefined
  const lost = runs
    .filter(({ run, size }) => run?.status !== 0 && size > (throughBytes ?? 0))
    .map(({ size }) => size)
  const said = runs
    .map(({ run }) => tooLong(`${run?.stdout ?? ''}\n${run?.stderr ?? ''}`))
    .find((line) => line !== undefined)
  return {
    address,
    via: await interfaceTo(address),
    throughBytes,
    lostBytes: throughBytes === undefined || lost.length === 0 ? undefined : Math.min(...lost),
    toldMtu: said === undefined ? undefined : Number(/mtu ?= ?(\d+)/.exec(said)![1]),
    saw:
      said ??
      (throughBytes === undefined ? 'no ping reply at any size' : `ping replies up to ${throughBytes} bytes`),
  }
}

/** Whether the largest comes back, and whether the smallest does. */
export async function pingTwice(
  address: string,
  signal: AbortSignal,
): Promise<{ readonly whole: boolean; readonly small: boolean }> {
  const ends = [SIZES[0], SIZES.at(-1)!].map((size) => echo(address, size, signal))
  const [whole, small] = await Promise.all(ends)
  return { whole: whole?.status === 0, small: small?.status === 0 }
}

function echo(address: string, size: number, signal: AbortSignal) {
  const headers = HEADERS[net.isIPv6(address) ? 6 : 4]
  const args = ['-n', '-M', 'do', '-c', '1', '-W', '2', '-s', String(size - headers), address]
  return runProgram('ping', args, { signal, timeoutMs: 2500 })
}

/** The line in which ping tells the size that would pass. */
export function tooLong(text: string): string | undefined {
  return text
    .split('\n')
    .find((line) => /mtu ?= ?\d+/.test(line))
    ?.trim()
}
