import type http from 'node:http'
import type tls from 'node:tls'
import { WebSocket } from 'ws'
import { deadline, unlessAborted } from '../../base/deadline.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { PATIENCE_MS } from '../../base/patience.ts'
import {
  faultMessage,
  type HelloMessage,
  MAX_MESSAGE_BYTES,
  type WelcomeMessage,
} from '../../wire/control.ts'
import { ALPN_CONTROL } from '../../wire/handover.ts'
import type { Credentials, EdgeAddress } from '../dial/credentials.ts'
import { type DialStep, dialEdge } from '../dial/dial.ts'
import { type Egress, egressFor } from '../dial/egress.ts'
import { contextOf } from '../dial/tls-context.ts'
import { startTls } from '../dial/tls-session.ts'
import { FOR_CONTROL, verifyControl } from '../dial/verify-server.ts'
import { type ChannelOptions, WEB_SOCKET } from './control-channel.ts'
import { type AgentChannel, agentChannel } from './control-ends.ts'
import { openControlPath } from './control-path.ts'
import { faultFromMessage } from './fault-message.ts'
import { blocked } from './port-blocked.ts'

export const CONTROL_PATH = '/control'

export interface DialControlOptions {
  readonly egress: Egress
  readonly credentials: Credentials
  readonly hello: HelloMessage
  readonly signal: AbortSignal
  readonly timeoutMs?: number
  readonly channel?: ChannelOptions
  readonly onStep?: (step: DialStep) => void
  /** What became of the second port of the edge, where it has one. */
  readonly onControlPort?: (fault: Fault | undefined) => void
  /** Looks at what the welcome brings before anything of it counts; throws where it is not to be believed. */
  readonly judge?: (welcome: WelcomeMessage) => Promise<void>
}

export interface ControlDialled {
  readonly channel: AgentChannel
  readonly welcome: WelcomeMessage
  /** What to add to this clock to get the server's, corrected by half the round trip; positive when slow. */
  readonly skewMs: number
  /** By which port. */
  readonly by: EdgeAddress
  /** What its name led to; none through a proxy, or on this machine. */
  readonly address?: string
}

/**
 * A control connection on which hello and welcome were exchanged.
 *
 * @throws {Fault} as dialEdge; TLS_INTERCEPTED, EDGE_CERT_EXPIRED, CLOCK_SKEW; what the edge or the control plane refuses
 *   with; CONTROL_UNREACHABLE; what `judge` throws; the reason of `signal`.
 */
export async function dialControl(edge: EdgeAddress, o: DialControlOptions): Promise<ControlDialled> {
  const timeoutMs = o.timeoutMs ?? PATIENCE_MS.dial
  const { signal, onControlPort } = o
  let chosen = false
  const onStep = (step: DialStep) => {
    // Of two ways that are tried side by side, the one that lost has nothing more to say.
    if (!chosen) o.onStep?.(step)
  }
  const way = await openControlPath(edge, {
    ...{ signal, timeoutMs, onControlPort },
    secure: (to, limitMs) => secure(to, limitMs, { ...o, onStep }),
  })
  chosen = true
  const { socket } = way
  try {
    o.onStep?.('secured')
    using answer = deadline(timeoutMs, 'CONTROL_UNREACHABLE', `no welcome from ${hostPort(way.edge)}`, signal)
    const channel = await upgrade(socket, way.edge, o.channel, answer)
    const sentMs = Date.now()
    channel.send(o.hello)
    const welcome = await firstMessage(channel, answer)
    const skewMs = Math.round(welcome.serverTimeMs - (sentMs + Date.now()) / 2)
    if (o.judge !== undefined) await unlessAborted(o.judge(welcome), answer)
    const straight = way.edge.socket === undefined && egressFor(o.egress, way.edge) === undefined
    const address = straight ? socket.remoteAddress : undefined
    return { channel, welcome, skewMs, by: way.edge, address }
  } catch (thrown) {
    socket.destroy()
    const { code, seen } = asFault(thrown)
    const stripped = code === 'CONTROL_UNREACHABLE' && seen.status !== undefined
    if (!stripped || way.edge.port !== edge.controlPort) throw thrown
    const { controlPort: _, ...main } = edge
    const dialled = await dialControl(main, o)
    onControlPort?.(blocked(asFault(thrown), way.edge, main))
    return dialled
  }
}

/** TCP, TLS, and the proof that it is the control plane. */
async function secure(edge: EdgeAddress, timeoutMs: number, o: DialControlOptions): Promise<tls.TLSSocket> {
  const { egress, credentials, signal, onStep } = o
  const tcp = await dialEdge(edge, { egress, signal, timeoutMs, nameTimeoutMs: o.timeoutMs, onStep })
  using limit = deadline(timeoutMs, 'HANDSHAKE_TIMEOUT', `control TLS with ${hostPort(edge)}`, signal)
  const socket = await startTls(tcp, {
    context: contextOf(credentials),
    alpn: FOR_CONTROL,
    servername: edge.host,
    signal: limit,
  })
  try {
    verifyControl(socket, credentials, { alpn: ALPN_CONTROL })
    return socket
  } catch (thrown) {
    socket.destroy()
    // The edge was reached, and has said who was not.
    if (asFault(thrown).code === 'CONTROL_UNREACHABLE') onStep?.('secured')
    throw thrown
  }
}

function upgrade(
  socket: tls.TLSSocket,
  edge: EdgeAddress,
  options: ChannelOptions | undefined,
  signal: AbortSignal,
): Promise<AgentChannel> {
  const ws = new WebSocket(`ws://${hostPort(edge)}${CONTROL_PATH}`, {
    ...WEB_SOCKET,
    // TLS is done and verified; ws only upgrades what it is given.
    createConnection: () => socket,
  })
  const opened = new Promise<AgentChannel>((resolve, reject) => {
    ws.once('open', () => {
      ws.off('error', broke)
      resolve(agentChannel(ws, { bytesRead: () => socket.bytesRead, ...options }))
    })
    const broke = (error: Error) => reject(asFault(error, 'CONTROL_UNREACHABLE'))
    ws.on('error', broke)
    ws.once('unexpected-response', (_request, response) => refusal(response).then(reject, reject))
  })
  return unlessAborted(opened, signal)
}

/** The edge says no with a fault as JSON; anything else is quoted by its status: a proxy that does not pass WebSockets on. */
async function refusal(response: http.IncomingMessage): Promise<Fault> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_MESSAGE_BYTES) break
    chunks.push(chunk)
  }
  try {
    return faultFromMessage(faultMessage.parse(JSON.parse(Buffer.concat(chunks).toString('utf8'))))
  } catch (cause) {
    return new Fault(
      'CONTROL_UNREACHABLE',
      `the upgrade to a WebSocket was answered ${response.statusCode}`,
      {
        cause,
        seen: { status: response.statusCode ?? 0 },
      },
    )
  }
}

async function firstMessage(channel: AgentChannel, signal: AbortSignal): Promise<WelcomeMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<WelcomeMessage>()
  channel.onMessage = (message) => {
    // What follows the welcome waits for its reader.
    channel.onMessage = undefined
    if (message.type === 'welcome') return resolve(message)
    const fault = new Fault('PROTOCOL_ERROR', `"${message.type}" arrived instead of welcome`, {
      hop: 'control',
    })
    channel.close(fault)
    reject(fault)
  }
  void channel.closed.then((fault) => {
    reject(
      fault ?? new Fault('CONTROL_UNREACHABLE', 'the control plane closed the connection before a welcome'),
    )
  })
  return unlessAborted(promise, signal)
}
