/**
 * The way to the edge, step by step, as the daemon takes it; and beside it what explains a step that failed.
 *
 * @module
 */
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { asFault, type Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { PATIENCE_MS } from '../base/patience.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import { type DialStep, dialEdge } from '../link/dial/dial.ts'
import { type Egress, type EgressInput, egressFor, type OutboundProxy } from '../link/dial/egress.ts'
import { lookUp, type NameFacts } from '../probe/names.ts'
import { readNeighbour } from '../probe/next-hop.ts'
import { pingSizes } from '../probe/ping.ts'
import { findProxyHints, type ProxyHint } from '../probe/proxy-hints.ts'
import type { ResolverFile } from '../probe/resolver-file.ts'
import { lookForLostAnswers } from '../probe/return-path.ts'
import { type TcpFacts, tryTcp } from '../probe/tcp.ts'
import { lookAtAnswers } from './answers.ts'
import type { DialFacts, EgressFacts, TcpWay } from './facts.ts'
import type { Gathering } from './gathering.ts'
import { addressesBefore, type OtherAddress, othersOf } from './other-addresses.ts'
import type { Patience } from './patience.ts'
import type { Patient } from './patient.ts'
import { lookAtTls } from './tls-look.ts'

export interface EdgePathOptions {
  readonly patient: Patient
  readonly egress: Promise<EgressFacts>
  readonly resolvers: Promise<ResolverFile>
  readonly input: EgressInput
  readonly signal: AbortSignal
  readonly patience: Patience
}

const PROXY_MS = 3000
/** After this long without a connection, what else there is gets tried beside it. */
const HEAD_START_MS = 700
const MAX_ADDRESSES = 6
/** Where proxies usually listen, when the gateway itself is one. */
const USUAL_PROXY_PORTS = [3128, 8080]

/** What the way consists of, for whoever waits for it. */
export const EDGE_PATH_FACTS = ['egress', 'edgeName', 'tcp', 'dial', 'tls', 'answer', 'ping'] as const

export async function lookAtEdgePath(g: Gathering, o: EdgePathOptions): Promise<void> {
  const { patient, signal } = o
  const setting = await g.look('egress', o.egress)
  const { edge } = patient
  if (edge === undefined)
    return g.miss('no edge is known', 'edgeName', 'tcp', 'dial', 'tls', 'answer', 'ping')
  if (setting === undefined || 'fault' in setting) {
    return g.miss('the proxy setting is unusable', 'edgeName', 'tcp', 'dial', 'tls', 'answer', 'ping')
  }
  const { egress } = setting
  const proxied = egressFor(egress, edge) !== undefined
  if (proxied) g.miss('a proxy is in use', 'edgeName', 'tcp', 'ping')
  const name = proxied ? undefined : await nameOf(g, edge, o)
  const before = proxied ? [] : await addressesBefore(patient)
  const addresses = name?.addresses.slice(0, MAX_ADDRESSES) ?? []
  if (!proxied && addresses.length === 0)
    return g.miss('the edge has no address', 'tcp', 'dial', 'tls', 'answer', 'ping')
  await Promise.all([
    proxied ? undefined : g.look('tcp', lookAtTcp(edge, addresses, { ...o, others: othersOf(name, before) })),
    proxied
      ? undefined
      : g.look('ping', pingSizes(addresses[0]!, signal), 'ping is not installed or not allowed'),
    theWholeWay(g, edge, addresses[0], { ...o, egress: egress, proxied }),
  ])
}

async function nameOf(g: Gathering, edge: EdgeAddress, o: EdgePathOptions): Promise<NameFacts | undefined> {
  if (net.isIP(edge.host) !== 0) {
    const itself = { name: edge.host, addresses: [edge.host], tookMs: 0, servers: [] }
    return g.look('edgeName', Promise.resolve(itself))
  }
  using limit = o.patience.signalFor('name', 'the resolver')
  return await g.look('edgeName', lookUp(edge.host, await o.resolvers, { signal: limit }))
}

async function theWholeWay(
  g: Gathering,
  edge: EdgeAddress,
  address: string | undefined,
  {
    patient,
    egress,
    signal,
    patience,
    proxied,
    resolvers,
  }: Omit<EdgePathOptions, 'egress'> & { egress: Egress; proxied: boolean },
): Promise<void> {
  const startedAt = performance.now()
  let step: DialStep | undefined
  const dial = async () => {
    using limit = patience.signalFor(proxied ? 'proxy' : 'dial', proxied ? 'the proxy' : hostPort(edge))
    const onStep = (to: DialStep) => {
      step = to
    }
    return await dialEdge(edge, { egress, signal: limit, onStep })
  }
  const lost = proxied
    ? lostOfProxy(egressFor(egress, edge), () => step === 'connected', { resolvers, signal })
    : undefined
  let fault: Fault | undefined
  const socket = await dial().catch((error: unknown) => {
    fault = asFault(error)
    return undefined
  })
  const tookMs = Math.round(performance.now() - startedAt)
  const stood = step === 'connected'
  g.have('dial', { fault, tookMs, stood, ...(stood ? {} : await lost) })
  if (socket === undefined) return g.miss('there is no connection', 'tls', 'answer')
  const tls = await g.look(
    'tls',
    lookAtTls(socket, { edge, address, pin: patient.pin, dial, signal, patience }),
  )
  if (tls === undefined || tls.broken !== undefined || tls.fault !== undefined) {
    return g.miss('no edge that proved its identity', 'answer')
  }
  await g.look('answer', lookAtAnswers(edge, { dial, signal, patience }))
}

async function lookAtTcp(
  edge: EdgeAddress,
  addresses: readonly string[],
  o: EdgePathOptions & { readonly others: readonly OtherAddress[] },
): Promise<TcpWay> {
  const [way, others] = await Promise.all([
    straight(edge, addresses, o),
    Promise.all(
      o.others.map(async ({ address, source }) => ({
        ...(await tryTcp(address, edge.port, { signal: o.signal, timeoutMs: PROXY_MS })),
        source,
      })),
    ),
  ])
  return { ...way, others }
}

/** Straight TCP to every address; and, where none stands soon, whatever tells a blocked port from a blocked network. */
async function straight(
  edge: EdgeAddress,
  addresses: readonly string[],
  o: EdgePathOptions,
): Promise<TcpWay> {
  const { signal, patience } = o
  using limit = patience.signalFor('dial', hostPort(edge))
  const enough = new AbortController()
  const tried = { signal: AbortSignal.any([limit, enough.signal]), timeoutMs: PATIENCE_MS.dial }
  const all = Promise.all(addresses.map((address) => tryTcp(address, edge.port, tried)))
  const soon = await Promise.race([all, wait(HEAD_START_MS, undefined, { signal })])
  if (soon?.some(({ is }) => is === 'open')) return { host: edge.host, attempts: soon, proxies: [] }
  const [returnPath, port443, proxies] = await Promise.all([
    lookForLostAnswers({ address: addresses[0]!, port: edge.port }, signal),
    edge.port === 443 ? undefined : try443(addresses, signal),
    tryProxies(edge, addresses[0]!, o),
  ])
  // What explains the silence by another way needs no more of it.
  const through = port443?.some(({ is }) => is === 'open') || proxies.some(({ takesUs }) => takesUs)
  if (through || returnPath !== undefined) enough.abort()
  const attempts = await all
  const silent = attempts.some(({ is }) => is === 'silent')
  return { host: edge.host, attempts, port443, proxies, returnPath: silent ? returnPath : undefined }
}

/** One that is named is looked for where programs here find it. Never rejects. */
async function lostOfProxy(
  proxy: OutboundProxy | undefined,
  stands: () => boolean,
  { resolvers, signal }: Pick<EdgePathOptions, 'resolvers' | 'signal'>,
): Promise<Pick<DialFacts, 'returnPath' | 'address'>> {
  if (proxy === undefined) return {}
  try {
    await wait(HEAD_START_MS, undefined, { signal })
    if (stands()) return {}
    const [address] =
      net.isIP(proxy.host) === 0
        ? (await lookUp(proxy.host, await resolvers, { signal })).addresses
        : [proxy.host]
    if (address === undefined) return {}
    return { address, returnPath: await lookForLostAnswers({ address, port: proxy.port }, signal) }
  } catch {
    return {} // no name, or the time is over: the dial says so
  }
}

function try443(addresses: readonly string[], signal: AbortSignal): Promise<TcpFacts[]> {
  return Promise.all(addresses.map((address) => tryTcp(address, 443, { signal, timeoutMs: PROXY_MS })))
}

/** Proxies that other programs here are told to use, and the gateway: would they take us there? */
async function tryProxies(
  edge: EdgeAddress,
  address: string,
  o: EdgePathOptions,
): Promise<TcpWay['proxies']> {
  const hints = await findProxyHints(o.input.env)
  const gateway = await readNeighbour(address)
  const usual =
    gateway === undefined || gateway.address === address
      ? []
      : USUAL_PROXY_PORTS.map((port): ProxyHint => ({ host: gateway.address, port, source: 'the gateway' }))
  const tried = await Promise.all([...hints, ...usual].map((hint) => tryProxy(edge, hint, o.signal)))
  // A gateway that is no proxy is no news.
  return tried.filter(({ takesUs, source }) => takesUs || source !== 'the gateway')
}

async function tryProxy(edge: EdgeAddress, hint: ProxyHint, signal: AbortSignal) {
  const egress: Egress = { proxy: hint, source: hint.source, noProxy: [] }
  try {
    const socket = await dialEdge(edge, { egress, signal, timeoutMs: PROXY_MS })
    socket.destroy()
    return { ...hint, takesUs: true, saw: 'CONNECT answered 200' }
  } catch (error) {
    const fault = asFault(error)
    // One that wants a password would take us, too.
    return { ...hint, takesUs: fault.code === 'PROXY_AUTH', saw: `${fault.code}: ${fault.detail}` }
  }
}
