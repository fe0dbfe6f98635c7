import { createHash, randomBytes } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { Fault } from '../../base/faults.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { ECHO_BYTES, ECHO_HOST, ECHO_PORT } from '../../wire/control.ts'
import { grantReference } from '../../wire/open.ts'
import type { ClientTunnel } from '../session/client-tunnel.ts'

/** Silence in the middle of a transfer for this long is a stall: no link is that slow and alive. */
const STALL_MS = 4000

export interface Transferred {
  /** Sent, and the same come back. */
  readonly bytes: number
  readonly us: number
}

/**
 * A large transfer to the connector and back, in the tunnel that sessions use: what small packets say nothing of.
 *
 * @throws {Fault} PATH_MTU if bytes stop on the way; TUNNEL_LOST if they come back changed; what the connector says.
 */
export async function largeTransfer(
  tunnel: ClientTunnel,
  { session, grant, signal }: { session: string; grant: string; signal: AbortSignal },
): Promise<Transferred> {
  const ended = Promise.withResolvers<StreamEnd>()
  const opened = Promise.withResolvers<void>()
  tunnel.mux.sendGrant(grant)
  const stream = tunnel.mux.open(
    { session, grant: grantReference(grant), protocol: 'tcp', host: ECHO_HOST, port: ECHO_PORT },
    { opened: () => opened.resolve(), closed: ended.resolve },
  )
  tunnel.enter(stream)
  const startedAt = performance.now()
  const [ours, theirs] = duplexPair()
  const sent = createHash('sha256')
  const back = createHash('sha256')
  let bytes = 0
  let isOpen = false
  let stalled: NodeJS.Timeout | undefined
  const stall = Promise.withResolvers<never>()
  const alive = () => {
    clearTimeout(stalled)
    stalled = setTimeout(() => stall.reject(stallFault(isOpen, bytes, tunnel)), STALL_MS)
  }
  const abort = () => stall.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  const refused = ended.promise.then(({ reason, detail }) => {
    if (reason !== 'done') throw new Fault(reason, detail)
  })
  refused.catch(() => {}) // awaited below, unless something else ends it first
  try {
    alive()
    await Promise.race([opened.promise, refused, stall.promise])
    isOpen = true
    stream.attach(theirs)
    const all = new Promise<void>((resolve) => {
      ours.on('data', (chunk: Buffer) => {
        alive()
        bytes += chunk.length
        back.update(chunk)
      })
      ours.once('end', resolve)
    })
    ours.on('error', () => {}) // the end of the stream says why
    const content = randomBytes(ECHO_BYTES)
    sent.update(content)
    ours.end(content)
    await Promise.race([all, refused.then(() => all), stall.promise])
    if (bytes !== ECHO_BYTES || sent.digest('hex') !== back.digest('hex')) {
      throw new Fault('TUNNEL_LOST', `${bytes} of ${ECHO_BYTES} bytes came back, or not the same`)
    }
    return { bytes, us: Math.round((performance.now() - startedAt) * 1000) }
  } catch (error) {
    stream.reset('CLIENT_RESET', 'the trace has ended')
    throw error
  } finally {
    clearTimeout(stalled)
    signal.removeEventListener('abort', abort)
    tunnel.leave(stream)
  }
}

/** What is small went through, what is large did not: that is what a path looks like whose packets are too long. */
function stallFault(isOpen: boolean, bytes: number, { facts }: ClientTunnel): Fault {
  const seen = { bytes, of: ECHO_BYTES, stallMs: STALL_MS, edge: facts.edge, connector: facts.connector }
  return isOpen
    ? new Fault('PATH_MTU', `${bytes} of ${ECHO_BYTES} bytes came back, then nothing for ${STALL_MS} ms`, {
        seen,
      })
    : new Fault('TUNNEL_LOST', `no answer through the tunnel in ${STALL_MS} ms`, { seen })
}
