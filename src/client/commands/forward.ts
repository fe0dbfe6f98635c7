import { once } from 'node:events'
import type net from 'node:net'
import { Fault } from '../../base/faults.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import { destination } from '../address/destination.ts'
import type { ForwardSpec } from '../address/forward-spec.ts'
import { forwardLine, readLine } from '../entry/control-line.ts'
import { openForward } from '../entry/forward-listener.ts'
import { type ForwardTrouble, ForwardTroubles } from '../entry/forward-trouble.ts'
import type { ClientOptions } from '../options.ts'
import { untilAborted } from '../uplink/until-aborted.ts'
import { openDaemon } from './control-call.ts'
import { withOwnClient } from './own-client.ts'

export interface ForwardOptions {
  readonly forward: ForwardSpec
  readonly client: ClientOptions
  /** Called once with the address that listens: HOST:PORT, or unix:PATH. */
  readonly listening: (address: string) => void
  /** Called when programs get nothing through it: at once, and with how many more after a minute. */
  readonly trouble: (trouble: ForwardTrouble) => void
  readonly signal: AbortSignal
}

/**
 * `client forward LOCAL HOST:PORT`: through the tunnels of the running client, else through a client of its own.
 * Resolves when `signal` aborts.
 *
 * @throws {Fault} BAD_DESTINATION, LISTEN_FAILED, REAUTH_NEEDED; CLIENT_STOPPED if the running client goes away.
 */
export async function runForward({
  forward,
  client,
  listening,
  trouble,
  signal,
}: ForwardOptions): Promise<void> {
  const { protocol, local, host, port } = forward
  destination(host, port, protocol) // refused here, before anything listens
  const call = { op: 'forward', protocol, local, host, port } as const
  const daemon = await openDaemon(client.stateDir, call)
  if (daemon === undefined) {
    return withOwnClient(client, signal, async (own) => {
      using troubles = new ForwardTroubles(trouble)
      const { opener, users } = own
      await using opened = await openForward(forward, { opener, users, trouble: troubles.note })
      listening(opened.local)
      await untilAborted(signal)
    })
  }
  const { answer, socket } = daemon
  const stop = () => socket.destroy()
  try {
    if (!answer.ok) throw faultFromMessage(answer.fault)
    listening(answer.address!)
    signal.addEventListener('abort', stop, { once: true })
    const gone = once(socket, 'close')
    socket.once('end', stop)
    hear(socket, trouble).catch(() => socket.resume()) // it is over, or of another version
    if (signal.aborted) stop()
    await gone
    if (!signal.aborted) throw new Fault('CLIENT_STOPPED', 'the client that held the forward has stopped')
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
}

async function hear(socket: net.Socket, trouble: ForwardOptions['trouble']): Promise<never> {
  for (;;) {
    const { fault, times } = await readLine(socket, forwardLine)
    trouble({ fault: faultFromMessage(fault), times })
  }
}
