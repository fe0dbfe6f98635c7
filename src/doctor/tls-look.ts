import type net from 'node:net'
import type tls from 'node:tls'
import { deadline } from '../base/deadline.ts'
import { asFault, type Fault } from '../base/faults.ts'
import type { EdgeAddress } from '../link/credentials.ts'
import { hostPort } from '../link/egress.ts'
import { anonymousContext } from '../link/tls-context.ts'
import { startTls } from '../link/tls-session.ts'
import { verifyPinnedServer } from '../pki/verify.ts'
import { askInPlain, type PlainAnswer } from '../probe/first-line.ts'
import { presentedChain, trustedBySystem } from '../probe/presented-chain.ts'
import { ALPN_CONTROL } from '../wire/handover.ts'
import type { TlsFacts } from './facts.ts'

const HANDSHAKE_MS = 4000

export interface TlsLook {
  readonly edge: EdgeAddress
  /** Where the edge is, unless a proxy leads there. */
  readonly address?: string
  readonly pin?: Buffer
  readonly signal: AbortSignal
}

/** The handshake that enrolment makes, over a connection that stands; the socket is closed at the end. */
export async function lookAtTls(socket: net.Socket, o: TlsLook): Promise<TlsFacts> {
  const { edge, address, signal } = o
  const plain80 = address === undefined ? undefined : ask(address, 80, o)
  const startedAt = performance.now()
  using limit = deadline(HANDSHAKE_MS, 'HANDSHAKE_TIMEOUT', `TLS with ${hostPort(edge)}`, signal)
  const tookMs = () => Math.round(performance.now() - startedAt)
  try {
    const secure = await startTls(socket, {
      context: anonymousContext(),
      alpn: ALPN_CONTROL,
      servername: edge.host,
      signal: limit,
    })
    const facts = {
      chain: presentedChain(secure),
      trustedBySystem: trustedBySystem(secure),
      tookMs: tookMs(),
    }
    const fault = o.pin && pinFault(secure, o.pin)
    secure.destroy()
    return { ...facts, fault, plain: fault ? await plain80 : undefined }
  } catch (error) {
    const broken = asFault(error)
    const sameport =
      broken.code === 'HANDSHAKE_TIMEOUT' || address === undefined ? undefined : ask(address, edge.port, o)
    const plain = (await sameport) ?? (await plain80)
    return { chain: [], trustedBySystem: false, broken, plain, tookMs: tookMs() }
  } finally {
    socket.destroy()
  }
}

function ask(address: string, port: number, { edge, signal }: TlsLook): Promise<PlainAnswer | undefined> {
  return askInPlain({ address, port, host: edge.host }, { signal })
}

/** Whether it is an edge of the pinned tenant. At a time when the chain was valid: clocks are judged elsewhere. */
function pinFault(secure: tls.TLSSocket, pin: Buffer): Fault | undefined {
  const nowMs = Math.max(0, ...presentedChain(secure).map(({ notBeforeMs }) => notBeforeMs)) + 1
  try {
    verifyPinnedServer(secure, { pin, nowMs })
    return undefined
  } catch (error) {
    return asFault(error)
  }
}
