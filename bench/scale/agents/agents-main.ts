/** Many agents in one process, each with the control connection of the real ones. */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { asFault } from '../../../src/base/faults.ts'
import { dialControl } from '../../../src/link/control/control-dial.ts'
import type { AgentChannel } from '../../../src/link/control/control-ends.ts'
import { faultFromMessage } from '../../../src/link/control/fault-message.ts'
import { DIRECT } from '../../../src/link/dial/egress.ts'
import { type AgentMessage, type ControlMessage, PROTOCOL_VERSION } from '../../../src/wire/control.ts'
import { HOST } from './port.ts'
import { type AgentSpec, type FromAgents, type Heard, sharedNowMs, type ToAgents } from './talk.ts'

/** Handshakes under way at once. */
const AT_ONCE = 16
const PATIENCE_MS = 60_000
const MAX_TRIES = 20

const STATUS: AgentMessage = {
  type: 'status',
  ...{ state: 'healthy', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0 },
}

let expected: { readonly type: Heard; readonly agents: Set<string> } | undefined

process.on('message', (message: ToAgents) => {
  if (message.is === 'connect') void connectAll(message.port, message.agents).then(say)
  else {
    expected = { type: message.type, agents: new Set(message.agents) }
    say({ is: 'expecting' })
  }
})
process.on('disconnect', () => process.exit(0))

async function connectAll(port: number, agents: readonly AgentSpec[]): Promise<FromAgents> {
  const granted: Record<string, string> = {}
  const failed: string[] = []
  const each = async (spec: AgentSpec) => {
    const { id } = spec.credentials.identity
    try {
      const channel = await whenLetIn(() => connect(port, spec))
      const { wants } = spec
      if (wants !== undefined) granted[id] = await whenLetIn(() => ask(channel, wants))
    } catch (error) {
      failed.push(`${id}: ${(error as Error).message}`)
    }
  }
  // Connectors first: a client is granted what one of them serves.
  for (const role of ['connector', 'client'] as const) {
    const waiting = agents.filter(({ credentials }) => credentials.identity.role === role)
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await each(next)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }
  return { is: 'up', granted, failed }
}

/** Told to wait, as all are where thousands come at once, they wait, as the real ones do. */
async function whenLetIn<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const { seen } = asFault(error)
      if (typeof seen.retryAfterS !== 'number' || tries >= MAX_TRIES) throw error
      await wait(seen.retryAfterS * 1000 * (1 + Math.random() / 2))
    }
  }
}

async function connect(port: number, { credentials }: AgentSpec): Promise<AgentChannel> {
  const { id, role } = credentials.identity
  const hello = { type: 'hello', version: PROTOCOL_VERSION, program: 'bench', host: hostname() } as const
  const { channel } = await dialControl(
    { host: HOST, port, addresses: ['127.0.0.1'] },
    {
      ...{ egress: DIRECT, credentials, timeoutMs: PATIENCE_MS, signal: new AbortController().signal },
      hello: { ...hello, role: role as 'client' | 'connector', timeMs: Date.now() },
      channel: { replyMs: PATIENCE_MS },
    },
  )
  channel.onMessage = (message) => hear(id, message)
  if (role === 'connector') channel.send(STATUS)
  return channel
}

async function ask(channel: AgentChannel, host: string): Promise<string> {
  const question = {
    type: 'authorize',
    id: 'req_1',
    host,
    port: 443,
    protocol: 'tcp',
    wantPipe: false,
  } as const
  const answer = await channel.request(question, PATIENCE_MS)
  if (answer.type === 'granted') return answer.connector
  if (answer.type === 'denied') throw faultFromMessage(answer.fault)
  throw new Error(`Cannot go on with ${answer.type}`)
}

function hear(id: string, { type }: ControlMessage): void {
  if (expected?.type !== type || !expected.agents.delete(id) || expected.agents.size > 0) return
  expected = undefined
  say({ is: 'heard', atMs: sharedNowMs() })
}

function say(message: FromAgents): void {
  process.send!(message)
}
