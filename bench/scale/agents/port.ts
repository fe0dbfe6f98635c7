/** Where agents reach a control plane in this process: the TLS and WebSocket of the real one, with no edge in front. */
import { once } from 'node:events'
import net from 'node:net'
import type tls from 'node:tls'
import { silentLog } from '../../../src/base/log.ts'
import type { Control } from '../../../src/control/control.ts'
import { type AgentCaller, AgentServer } from '../../../src/control/front/agent-server.ts'
import { contextOf } from '../../../src/link/dial/tls-context.ts'
import { acceptTls } from '../../../src/link/dial/tls-session.ts'
import { peerOf } from '../../../src/pki/verify.ts'
import { ALPN_CONTROL } from '../../../src/wire/handover.ts'

export const HOST = 'edge.example'
const HEADERS_MS = 20_000

export interface ControlPort extends AsyncDisposable {
  readonly port: number
}

export async function openControlPort(control: Control): Promise<ControlPort> {
  const context = contextOf(await control.credentials([HOST]))
  const { tenant, rootPem } = control
  const callers = new WeakMap<tls.TLSSocket, AgentCaller>()
  const sockets = new Set<net.Socket>()
  const agents = new AgentServer({
    ...{ backend: control, log: silentLog, headersMs: HEADERS_MS },
    callerOf: (socket) => callers.get(socket) ?? {},
    refused: () => {},
  })
  const take = async (socket: net.Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    const signal = AbortSignal.timeout(HEADERS_MS)
    const secure = await acceptTls(socket, { context, alpn: ALPN_CONTROL, requestCert: true, signal })
    const peer = peerOf(secure, { tenant, roles: ['client', 'connector'], rootPem, nowMs: Date.now() })
    callers.set(secure, { peer })
    agents.take(secure)
  }
  const listener = net.createServer((socket) => {
    take(socket).catch(() => socket.destroy())
  })
  await once(listener.listen(0, '127.0.0.1', 4096), 'listening')
  return {
    port: (listener.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      agents.close()
      for (const socket of sockets) socket.destroy()
      listener.close()
    },
  }
}
