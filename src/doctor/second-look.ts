/**
 * A handshake that stalls or is declined says nothing of who stopped it. So the same place is asked again in other ways,
 * side by side: without our protocol, without the name, for an answer that is short, and without a word.
 *
 * @module
 */
import type net from 'node:net'
import tls from 'node:tls'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { asFault } from '../base/faults.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { readable, StreamEnded } from '../link/dial/read-exactly.ts'
import { alertFromPeer } from '../link/dial/tls-alert.ts'
import { anonymousContext, KEY_EXCHANGE } from '../link/dial/tls-context.ts'
import { startTls } from '../link/dial/tls-session.ts'
import { FOR_CONTROL } from '../link/dial/verify-server.ts'
import {
  nameFits,
  type PresentedCertificate,
  presentedChain,
  trustedBySystem,
} from '../probe/presented-chain.ts'

/**
 * `plain`: as a browser asks. `nameless`: as we ask, without SNI. `short`: TLS 1.2, which an edge declines with an alert.
 * `mute`: sends nothing; an edge waits for a ClientHello, and whoever goes by what is said has heard nothing to go by.
 */
export type SecondAsk = 'plain' | 'nameless' | 'short' | 'mute'

export interface SecondLook {
  readonly asked: SecondAsk
  /** `alert`: declined in TLS, in a few bytes. `ended`: closed or reset without a word of TLS. */
  readonly is: 'answered' | 'alert' | 'ended' | 'silent' | 'unreached'
  /** Of an answer: leaf first. */
  readonly chain: readonly PresentedCertificate[]
  /** Does the chain end in the pinned root? Not known without a pin. */
  readonly pinned?: boolean
  /** Would a browser of this machine believe it for this name? That may be the public certificate of the edge. */
  readonly believed?: boolean
}

export interface SecondLookOptions {
  readonly edge: EdgeAddress
  readonly pin?: Buffer
  /** A connection of its own for each, on the same way. */
  readonly dial: () => Promise<net.Socket>
  readonly signal: AbortSignal
}

const LOOK_MS = 4000
/** Whoever drops a connection as it comes has done so by then, from the other end of the world, too. */
const MUTE_MS = 1000

/** TLS 1.3 is all that an edge speaks, so whoever offers less is declined at once. */
const olderContext = () => tls.createSecureContext({ maxVersion: 'TLSv1.2', ecdhCurve: KEY_EXCHANGE })

/** Never rejects. */
export function lookAgain(o: SecondLookOptions): Promise<SecondLook[]> {
  const asked = (['plain', 'nameless', 'short'] as const).map((each) => ask(each, o))
  return Promise.all([...asked, sayNothing(o)])
}

async function sayNothing({ dial, signal }: SecondLookOptions): Promise<SecondLook> {
  using limit = deadline(LOOK_MS, 'HANDSHAKE_TIMEOUT', 'a second check', signal)
  const common = { asked: 'mute', chain: [] } as const
  const socket = await unlessAborted(dial(), limit).catch(() => undefined)
  if (socket === undefined) return { ...common, is: 'unreached' }
  using silence = deadline(MUTE_MS, 'HANDSHAKE_TIMEOUT', 'no reason was given', limit)
  try {
    if (!socket.destroyed) await readable(socket, silence)
    return { ...common, is: socket.read() === null ? 'ended' : 'silent' }
  } catch (error) {
    return { ...common, is: error instanceof StreamEnded ? 'ended' : 'silent' }
  } finally {
    socket.destroy()
  }
}

async function ask(
  asked: Exclude<SecondAsk, 'mute'>,
  { edge, pin, dial, signal }: SecondLookOptions,
): Promise<SecondLook> {
  using limit = deadline(LOOK_MS, 'HANDSHAKE_TIMEOUT', 'a second check', signal)
  const tcp = await unlessAborted(dial(), limit).catch(() => undefined)
  if (tcp === undefined) return { asked, is: 'unreached', chain: [] }
  try {
    const socket = await startTls(tcp, {
      context: asked === 'short' ? olderContext() : anonymousContext(),
      alpn: asked === 'plain' ? ['http/1.1'] : FOR_CONTROL,
      servername: asked === 'nameless' ? undefined : edge.host,
      signal: limit,
    })
    const chain = presentedChain(socket)
    const believed = trustedBySystem(socket) && nameFits(socket, edge.host)
    socket.destroy()
    return {
      asked,
      is: 'answered',
      chain,
      believed,
      pinned: pin && chain.at(-1)?.sha256 === pin.toString('hex'),
    }
  } catch (error) {
    return { asked, is: endOf(asFault(error)), chain: [] }
  } finally {
    tcp.destroy()
  }
}

function endOf({ code, seen }: { code: string; seen: Readonly<Record<string, unknown>> }): SecondLook['is'] {
  if (code === 'HANDSHAKE_TIMEOUT') return 'silent'
  return alertFromPeer(String(seen.code)) === undefined ? 'ended' : 'alert'
}
