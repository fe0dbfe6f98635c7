import { readFileSync } from 'node:fs'
import type net from 'node:net'

/** Hundredths of a second until the kernel asks the other end of an idle IPv4 connection; undefined if it never does. */
export function keepAliveDue({ localPort, remotePort }: net.Socket): number | undefined {
  const hex = (port: number | undefined) => port!.toString(16).toUpperCase().padStart(4, '0')
  for (const line of readFileSync('/proc/self/net/tcp', 'utf8').split('\n')) {
    const [, local, remote, , , timer] = line.trim().split(/\s+/)
    if (local?.endsWith(`:${hex(localPort)}`) && remote?.endsWith(`:${hex(remotePort)}`)) {
      const [kind, due] = timer!.split(':')
      return kind === '02' ? Number.parseInt(due!, 16) : undefined
    }
  }
  throw new Error(`no connection from ${localPort} to ${remotePort}`)
}
