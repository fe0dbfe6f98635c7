/**
 * How names resolve here: each resolver asked directly, and the way every program of the system asks (getaddrinfo),
 * because the two differ exactly where it hurts.
 *
 * @module
 */
import dgram from 'node:dgram'
import net from 'node:net'
import { type AddressType, decodeAnswer, encodeQuestion } from './dns-message.ts'
import { getAddrInfo, type SystemAnswer } from './get-addr-info.ts'
import { lookAtNameSources, type NameSources } from './name-sources.ts'
import { readGateway, readNeighbour } from './next-hop.ts'
import type { ResolverFile } from './resolver-file.ts'

/** What one server said when it was asked directly; over IPv4 and IPv6 records. */
export interface ServerAnswer {
  readonly server: string
  /** NOERROR, NXDOMAIN, SERVFAIL…; `timeout`; or the errno of the way to it. */
  readonly said: string
  readonly addresses: readonly string[]
  readonly ttlSeconds?: number
  /** Until it answered. */
  readonly tookMs?: number
  /** The router on the way to it, where it is silent because that router is not there. */
  readonly deadRouter?: string
}

/** Addresses and errno are those of getaddrinfo. */
export interface NameFacts extends SystemAnswer {
  readonly name: string
  readonly tookMs: number
  readonly servers: readonly ServerAnswer[]
  /** What else than those servers it can come from. */
  readonly sources?: NameSources
  /** Set where no server knows the name, and one knows it with a search domain behind it. */
  readonly bySearch?: { readonly domain: string; readonly addresses: readonly string[] }
}

/** Longer than libc waits for one server: one that is slow is told from one that is silent. */
const ASK_MS = 5000
/** For servers that have said nothing when programs have their addresses. */
const LATE_MS = 1000
/** Where resolv.conf names nobody, libc asks here. */
const NOBODY_NAMED = ['127.0.0.1']
const MAX_SEARCH = 6

/** Asks everybody for `name` at once. @throws what keeps this process from asking; bounded by itself. */
export async function lookUp(
  name: string,
  { servers, search }: Pick<ResolverFile, 'servers' | 'search'>,
  o: { port?: number; signal: AbortSignal },
): Promise<NameFacts> {
  const startedMs = performance.now()
  const told = servers.length === 0 ? NOBODY_NAMED : servers
  const enough = new AbortController()
  const asked = { ...o, signal: AbortSignal.any([o.signal, enough.signal]) }
  const [system, sources, ...answers] = await Promise.all([
    getAddrInfo(name, o.signal).then((found) => {
      if (found.addresses.length > 0) setTimeout(() => enough.abort(), LATE_MS)
      return found
    }),
    lookAtNameSources(name),
    ...told.map((server) => askServer(server, name, asked)),
  ])
  const tookMs = Math.round(performance.now() - startedMs)
  const unknownToAll = answers.every(({ addresses }) => addresses.length === 0)
  const bySearch =
    system.addresses.length > 0 && unknownToAll && sources.hosts.length === 0
      ? await searched(name, { server: told[0]!, search }, o)
      : undefined
  return { name, ...system, tookMs, servers: answers, sources, bySearch }
}

/** The first search domain with which the name is known. */
async function searched(
  name: string,
  { server, search }: { server: string; search: readonly string[] },
  o: { port?: number; signal: AbortSignal },
): Promise<NameFacts['bySearch']> {
  const tried = await Promise.all(
    search.slice(0, MAX_SEARCH).map(async (domain) => {
      const { addresses } = await askServer(server, `${name}.${domain.replace(/\.$/, '')}`, o)
      return { domain, addresses }
    }),
  )
  return tried.find(({ addresses }) => addresses.length > 0)
}

async function askServer(
  server: string,
  name: string,
  o: { port?: number; signal: AbortSignal },
): Promise<ServerAnswer> {
  const startedMs = performance.now()
  const [a, aaaa] = await Promise.all([askOnce(server, name, 'A', o), askOnce(server, name, 'AAAA', o)])
  const both = [...a.addresses, ...aaaa.addresses]
  // Records of one kind are an answer; a failure of the other is then the resolver's own affair.
  const telling = a.addresses.length > 0 || aaaa.addresses.length === 0 ? a : aaaa
  return {
    server,
    said: telling.said,
    addresses: both.map(({ address }) => address),
    ttlSeconds: both[0]?.ttlSeconds,
    tookMs: Math.round(performance.now() - startedMs),
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

interface ResolverReply {
  readonly said: string
  readonly addresses: readonly { address: string; ttlSeconds: number }[]
}

function askOnce(
  server: string,
  name: string,
  type: AddressType,
  { port = 53, signal }: { port?: number; signal: AbortSignal },
): Promise<ResolverReply> {
  const { promise, resolve } = Promise.withResolvers<ResolverReply>()
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
      // Without a callback nobody hears that it was not sent: EPERM is the firewall of this machine.
      socket.send(encodeQuestion(id, name, type), (error) => {
        if (error) failed((error as NodeJS.ErrnoException).code ?? 'unknown')
      })
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
