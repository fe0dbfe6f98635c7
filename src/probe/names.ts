/**
 * How names resolve here: each resolver asked directly, and the way every program of the system asks (getaddrinfo),
 * because the two differ exactly where it hurts.
 *
 * @module
 */
import dgram from 'node:dgram'
import net from 'node:net'
import { type AddressType, decodeAnswer, encodeQuestion } from './dns-message.ts'
import { type FileAccess, lookAtFile, textOf } from './file-access.ts'
import { getAddrInfo, type SystemAnswer } from './get-addr-info.ts'
import { readGateway, readNeighbour } from './next-hop.ts'

export interface ResolverFile extends FileAccess {
  readonly servers: readonly string[]
  readonly search: readonly string[]
}

/** What one server said when it was asked directly; over IPv4 and IPv6 records. */
export interface ServerAnswer {
  readonly server: string
  /** NOERROR, NXDOMAIN, SERVFAIL…; `timeout`; or the errno of the way to it. */
  readonly said: string
  readonly addresses: readonly string[]
  readonly ttlSeconds?: number
  /** The router on the way to it, where it is silent because that router is not there. */
  readonly deadRouter?: string
}

/** Addresses and errno are those of getaddrinfo. */
export interface NameFacts extends SystemAnswer {
  readonly name: string
  readonly tookMs: number
  readonly servers: readonly ServerAnswer[]
}

const ASK_MS = 2000
const MAX_SERVERS = 3 // glibc looks at no more

/** @param path /etc/resolv.conf, or another in tests. */
export async function lookAtResolvers(path = '/etc/resolv.conf'): Promise<ResolverFile> {
  const lines = ((await textOf(path)) ?? '').split('\n').map((line) => line.replace(/[#;].*/, '').trim())
  const values = (key: string) =>
    lines
      .filter((line) => line.startsWith(`${key} `) || line.startsWith(`${key}\t`))
      .map((line) => line.split(/\s+/).slice(1))
  const servers = values('nameserver').flatMap(([server]) => (server === undefined ? [] : [server]))
  const search = values('search').at(-1) ?? values('domain').at(-1) ?? []
  return { ...(await lookAtFile(path)), servers: servers.slice(0, MAX_SERVERS), search }
}

/** Asks everybody for `name` at once. Never throws; bounded by itself. */
export async function lookUp(
  name: string,
  servers: readonly string[],
  o: { port?: number; signal: AbortSignal },
): Promise<NameFacts> {
  const startedMs = performance.now()
  const [system, ...answers] = await Promise.all([
    getAddrInfo(name, o.signal),
    ...servers.map((server) => askServer(server, name, o)),
  ])
  return { name, ...system, tookMs: Math.round(performance.now() - startedMs), servers: answers }
}

async function askServer(
  server: string,
  name: string,
  o: { port?: number; signal: AbortSignal },
): Promise<ServerAnswer> {
  const [a, aaaa] = await Promise.all([askOnce(server, name, 'A', o), askOnce(server, name, 'AAAA', o)])
  const both = [...a.addresses, ...aaaa.addresses]
  // Records of one kind are an answer; a failure of the other is then the resolver's own affair.
  const telling = a.addresses.length > 0 || aaaa.addresses.length === 0 ? a : aaaa
  return {
    server,
    said: telling.said,
    addresses: both.map(({ address }) => address),
    ttlSeconds: both[0]?.ttlSeconds,
    deadRouter: UNHEARD.has(telling.said) ? await deadRouter(server) : undefined,
  }
}

/** What is said where nobody can be reached: which of the two comes first is a matter of milliseconds. */
const UNHEARD: ReadonlySet<string> = new Set(['timeout', 'EHOSTUNREACH', 'SERVFAIL'])

async function deadRouter(server: string): Promise<string | undefined> {
  const gateway = await readGateway()
  // A resolver of this machine asks others for it, and those are behind the gateway.
  const asked = server.startsWith('127.') ? gateway : server
  const hop = asked === undefined ? undefined : await readNeighbour(asked)
  const isRouter = hop?.address !== server || server === gateway
  return hop?.answers === false && isRouter ? hop.address : undefined
}

interface Asked {
  readonly said: string
  readonly addresses: readonly { address: string; ttlSeconds: number }[]
}

function askOnce(
  server: string,
  name: string,
  type: AddressType,
  { port = 53, signal }: { port?: number; signal: AbortSignal },
): Promise<Asked> {
  const { promise, resolve } = Promise.withResolvers<Asked>()
  const socket = dgram.createSocket(net.isIPv6(server) ? 'udp6' : 'udp4')
  const failed = (said: string) => resolve({ said, addresses: [] })
  const stop = () => failed('timeout')
  const timer = setTimeout(stop, ASK_MS)
  signal.addEventListener('abort', stop, { once: true })
  const id = Math.floor(Math.random() * 0x10000)
  socket.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? 'unknown'))
  socket.on('message', (message) => {
    const answer = decodeAnswer(message, id)
    if (answer !== undefined) resolve({ said: answer.rcode, addresses: answer.addresses })
  })
  // A connected socket hears of ICMP: a resolver that refuses is not one that is silent.
  // Where there is no route the callback is given the error, whatever its type says.
  socket.connect(port, server, (error?: NodeJS.ErrnoException) => {
    if (error) return failed(error.code ?? 'unknown')
    try {
      socket.send(encodeQuestion(id, name, type))
    } catch {
      failed('not a name')
    }
  })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    socket.close()
  })
}
