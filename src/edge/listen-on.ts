import { once } from 'node:events'
import type net from 'node:net'
import { BACKLOG } from '../base/backlog.ts'
import { Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { portHolder } from '../probe/port-holder.ts'

/** @throws {Fault} LISTEN_FAILED, with who holds the port. */
export async function listenOn(
  listener: net.Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  listener.listen({ host, port, backlog: BACKLOG })
  try {
    await once(listener, 'listening')
    listener.on('error', () => {}) // of an accept, out of descriptors: the watch over them says it
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
    const heldBy = errno === 'EADDRINUSE' ? portHolder(port) : undefined
    const detail = heldBy === undefined ? errno : `${errno}, held by ${heldBy}`
    throw new Fault('LISTEN_FAILED', `${hostPort({ host, port })}: ${detail}`, {
      hop: 'edge',
      cause,
      seen: { host, port, errno, ...(heldBy && { heldBy }) },
    })
  }
}
