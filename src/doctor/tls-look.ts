import type net from 'node:net'
import type tls from 'node:tls'
import { asFault, type Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { anonymousContext } from '../link/dial/tls-context.ts'
import { startTls } from '../link/dial/tls-session.ts'
import { FOR_CONTROL, verifyPinnedControl } from '../link/dial/verify-server.ts'
import { askInPlain, type PlainAnswer } from '../probe/first-line.ts'
import { presentedChain, trustedBySystem } from '../probe/presented-chain.ts'
import type { TlsFacts } from './facts.ts'
import type { Patience } from './patience.ts'
import { lookAgain, type SecondLook } from './second-look.ts'

/** After this long without an answer, others are asked for beside it. */
const HEAD_START_MS = 1200

export interface TlsLook {
  readonly edge: EdgeAddress
  /** Where the edge is, unless a proxy is in use. */
  readonly address?: string
  readonly pin?: Buffer
  /** Another connection on the same way. */
  readonly dial: () => Promise<net.Socket>
  readonly signal: AbortSignal
  readonly patience: Patience
}

/** The handshake that enrolment makes, over a connection that stands; the socket is closed at the end. */
export async function lookAtTls(socket: net.Socket, o: TlsLook): Promise<TlsFacts> {
  const { edge, address } = o
  const plain80 = address === undefined ? undefined : ask(address, 80, o)
  const startedAt = performance.now()
  const second = againAfter(HEAD_START_MS, o)
  using limit = o.patience.signalFor('handshake', hostPort(edge))
  const tookMs = () => Math.round(performance.now() - startedAt)
  try {
    const secure = await startTls(socket, {
      context: anonymousContext(),
      alpn: FOR_CONTROL,
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
    second.cancel()
    return { ...facts, fault, plain: fault ? await plain80 : undefined }
  } catch (error) {
    const broken = asFault(error)
    const stalls = broken.code === 'HANDSHAKE_TIMEOUT'
    const sameport = stalls || address === undefined ? Promise.resolve(undefined) : ask(address, edge.port, o)
    const took = tookMs()
    const [plain, looks] = await Promise.all([sameport.then((said) => said ?? plain80), second.now()])
    return { chain: [], trustedBySystem: false, broken, second: looks, plain, tookMs: took }
  } finally {
    socket.destroy()
  }
}

/** Looks again when that much time has passed, or when it is asked for; not once it is cancelled. */
function againAfter(afterMs: number, o: TlsLook): { now(): Promise<SecondLook[]>; cancel(): void } {
  let looks: Promise<SecondLook[]> | undefined
  const now = () => {
    clearTimeout(timer)
    looks ??= lookAgain(o)
    return looks
  }
  const timer = setTimeout(now, afterMs)
  return { now, cancel: () => clearTimeout(timer) }
}

function ask(address: string, port: number, { edge, signal }: TlsLook): Promise<PlainAnswer | undefined> {
  return askInPlain({ address, port, host: edge.host }, { signal })
}

/** Whether it is the control plane of the pinned tenant. At a time when the chain was valid: clocks are judged elsewhere. */
function pinFault(secure: tls.TLSSocket, pin: Buffer): Fault | undefined {
  const nowMs = Math.max(0, ...presentedChain(secure).map(({ notBeforeMs }) => notBeforeMs)) + 1
  try {
    verifyPinnedControl(secure, { pin, nowMs })
    return undefined
  } catch (error) {
    return asFault(error)
  }
}
