/**
 * What an edge that has proved itself answers to strangers: its time, small and large requests, an upgrade. Nothing
 * here says who we are, so nothing here disturbs a daemon that is connected.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type net from 'node:net'
import type tls from 'node:tls'
import { deadline, unlessAborted } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { PATIENCE_MS } from '../base/patience.ts'
import { CONTROL_PATH } from '../link/control/control-dial.ts'
import { DOCTOR_AGENT } from '../link/control/doctor-agent.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { anonymousContext } from '../link/dial/tls-context.ts'
import { startTls } from '../link/dial/tls-session.ts'
import { faultMessage } from '../wire/control.ts'
import { ALPN_CONTROL } from '../wire/handover.ts'
import type { AnswerFacts } from './facts.ts'
import type { Patience } from './patience.ts'

export interface AnswerOptions {
  readonly dial: () => Promise<net.Socket>
  readonly signal: AbortSignal
  readonly patience: Patience
}

const LONG_MS = 3000
const RUNG_MS = 1500
const MAX_BODY_BYTES = 4096
/** A Date header has whole seconds, cut off; in the middle of them the error is smallest. */
const HALF_SECOND_MS = 500
/** Below the header limit of the edge, far above one packet. */
const LARGE_BYTES = 12_000
/** Sizes between what must pass everywhere and what Ethernet takes. */
const RUNGS = [500, 1000, 1150, 1250, 1300, 1340, 1380, 1420, 1460] as const

export async function lookAtAnswers(edge: EdgeAddress, o: AnswerOptions): Promise<AnswerFacts> {
  using limit = o.patience.signalFor('answer', hostPort(edge))
  const within = { ...o, signal: limit }
  const startedAt = performance.now()
  const [small, upgraded] = await Promise.all([
    askTime(edge, within).catch(asFault),
    askUpgrade(edge, within).catch(() => undefined),
  ])
  const tookMs = Math.round(performance.now() - startedAt)
  if (small instanceof Fault) return { fault: small, tookMs, records: [] }
  return { ...small, tookMs, upgrade: upgraded, records: await askSizes(edge, tookMs, o) }
}

/** On a way that is slow for small requests, a large one that is not answered sooner has not been lost. */
async function askSizes(
  edge: EdgeAddress,
  smallMs: number,
  o: AnswerOptions,
): Promise<AnswerFacts['records']> {
  const [longMs, shortMs] = [Math.max(LONG_MS, 3 * smallMs), Math.max(RUNG_MS, 2 * smallMs)]
  if (longMs + shortMs > o.patience.msFor('answer')) return []
  if (await isAnswered(edge, LARGE_BYTES, longMs, o)) return [{ bytes: LARGE_BYTES, answered: true }]
  const answered = RUNGS.map(async (bytes) => ({
    bytes,
    answered: await isAnswered(edge, bytes, shortMs, o),
  }))
  return Promise.all(answered)
}

async function askTime(
  edge: EdgeAddress,
  o: AnswerOptions,
): Promise<Pick<AnswerFacts, 'slowMs' | 'slowWithinMs'>> {
  const { headers, sentMs, tookMs } = await request(edge, {}, PATIENCE_MS.answer, o)
  const dateMs = Date.parse(headers.date ?? '')
  if (Number.isNaN(dateMs)) return {}
  return {
    slowMs: Math.round(dateMs + HALF_SECOND_MS - (sentMs + tookMs / 2)),
    slowWithinMs: Math.round(HALF_SECOND_MS + tookMs / 2),
  }
}

/** A request whose one TLS record has this size: it is answered once the whole of it has arrived. */
async function isAnswered(
  edge: EdgeAddress,
  bytes: number,
  timeoutMs: number,
  o: AnswerOptions,
): Promise<boolean> {
  const bare = 120 + hostPort(edge).length
  const padding = 'x'.repeat(Math.max(0, bytes - bare))
  return request(edge, { 'x-padding': padding }, timeoutMs, o).then(
    () => true,
    () => false,
  )
}

async function askUpgrade(edge: EdgeAddress, o: AnswerOptions): Promise<AnswerFacts['upgrade']> {
  const headers = {
    connection: 'upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': randomBytes(16).toString('base64'),
  }
  const { status, body } = await request(edge, headers, PATIENCE_MS.answer, o)
  return { status, body: body.slice(0, 200).replace(/[^\x20-\x7e]/g, '?'), ours: isFaultText(body) }
}

function isFaultText(body: string): boolean {
  try {
    return faultMessage.safeParse(JSON.parse(body)).success
  } catch {
    return false
  }
}

interface HttpAnswer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
  /** Unix time. */
  readonly sentMs: number
  readonly tookMs: number
}

/** Over a connection of its own: the edge closes each after one answer to a stranger. */
async function request(
  edge: EdgeAddress,
  headers: Record<string, string>,
  timeoutMs: number,
  o: AnswerOptions,
): Promise<HttpAnswer> {
  using limit = deadline(timeoutMs, 'CONTROL_UNREACHABLE', `no answer from ${hostPort(edge)}`, o.signal)
  const tcp = await unlessAborted(o.dial(), limit)
  const socket = await startTls(tcp, {
    context: anonymousContext(),
    alpn: ALPN_CONTROL,
    servername: edge.host,
    signal: limit,
  })
  try {
    return await unlessAborted(exchange(socket, edge, headers), limit)
  } finally {
    socket.destroy()
  }
}

function exchange(
  socket: tls.TLSSocket,
  edge: EdgeAddress,
  headers: Record<string, string>,
): Promise<HttpAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>()
  const sentMs = Date.now()
  const startedAt = performance.now()
  const asking = http.request({
    path: CONTROL_PATH,
    // Says that it is a look, and not whose.
    headers: { host: hostPort(edge), 'user-agent': DOCTOR_AGENT, ...headers },
    createConnection: () => socket,
  })
  asking.on('error', reject)
  asking.on('response', (response) => {
    const tookMs = performance.now() - startedAt
    const chunks: Buffer[] = []
    let size = 0
    response.on('error', reject)
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY_BYTES) chunks.push(chunk)
    })
    response.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1')
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body, sentMs, tookMs })
    })
  })
  asking.end()
  return promise
}
