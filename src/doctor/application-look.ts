import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import { PATIENCE_MS } from '../base/patience.ts'
import { DialLimits } from '../policy/dial-limits.ts'
import { isTlsPort } from '../policy/tls-ports.ts'
import { lookForHangUp } from '../probe/first-word.ts'
import { lookUp, type NameFacts } from '../probe/names.ts'
import { ownAddresses } from '../probe/own-addresses.ts'
import { pingSizes, pingTwice } from '../probe/ping.ts'
import { nameFits, presentedChain } from '../probe/presented-chain.ts'
import type { ResolverFile } from '../probe/resolver-file.ts'
import { lookForLostAnswers } from '../probe/return-path.ts'
import { lookAtStalls } from '../probe/stalls.ts'
import { type TcpFacts, tryTcp } from '../probe/tcp.ts'
import { tryUdp } from '../probe/udp.ts'
import type { AppFacts, OtherTcp } from './facts.ts'
import { type OtherAddress, othersOf } from './other-addresses.ts'
import { Patience } from './patience.ts'
import type { AppTarget } from './patient.ts'

const NEIGHBOUR_MS = 2500
const HEAD_START_MS = 700
/** Only a refusal is worth waiting for, and that comes at once. */
const UDP_MS = 1500
const MAX_ADDRESSES = 4
/** The ends of its ranges stand for the rest: this is a look, not a scan. */
const MAX_PORTS_OF_SEGMENT = 8

/** Ports where the same kind of application is found when it is not where one looks first. */
const NEIGHBOURS: readonly (readonly number[])[] = [
  [443, 8443, 9443, 4443],
  [80, 8080, 8000, 8888, 3000],
  [22, 2222],
  [3389, 3390],
  [5432, 5433, 6432],
  [3306, 3307],
  [1433, 1434],
  [1521, 1522],
  [6379, 6380],
  [389, 636],
]

/** The last mile from here, as the connector goes it. Never throws. */
export async function lookAtApplication(
  target: AppTarget,
  resolvers: ResolverFile,
  o: {
    readonly before: Promise<readonly OtherAddress[]>
    readonly signal: AbortSignal
    readonly patience?: Patience
  },
): Promise<AppFacts> {
  const { before, signal } = o
  const patience = o.patience ?? new Patience({ signal, daemonMet: Promise.resolve(undefined) })
  using nameLimit = patience.signalFor('name', 'the resolver')
  const name = await resolve(target.host, resolvers, nameLimit)
  // As the connector: an examination can be asked for from afar, and is no way to what sessions are kept from.
  const limits = new DialLimits(target.networks)
  const own = ownAddresses()
  const refused = name.addresses.flatMap((address) => {
    const why = limits.refusal(target.host, address, own)
    return why === undefined ? [] : { address, why }
  })
  const dialled = name.addresses.filter((address) => !refused.some((one) => one.address === address))
  const addresses = dialled.slice(0, MAX_ADDRESSES)
  if (target.protocol === 'udp') {
    const timeoutMs = UDP_MS
    const [udp, path] = await Promise.all([
      Promise.all(addresses.map((address) => tryUdp(address, target.port, { signal, timeoutMs }))),
      addresses[0] === undefined ? undefined : pingSizes(addresses[0], signal).then((ping) => ({ ping })),
    ])
    return { target, name, refused, attempts: [], neighbours: [], udp, ...path }
  }
  const others = before.then((known) => tryOthers(target, othersOf(name, known), limits, signal))
  const [connections, path] = await Promise.all([
    connect(target, addresses, signal, patience),
    addresses[0] === undefined ? undefined : lookAtPath({ address: addresses[0], port: target.port }, signal),
  ])
  return { target, name, refused, ...connections, others: await others, ...path }
}

/** What sessions are kept from is not tried, whoever names it. */
async function tryOthers(
  { host, port }: AppTarget,
  others: readonly OtherAddress[],
  limits: DialLimits,
  signal: AbortSignal,
): Promise<OtherTcp[]> {
  const own = ownAddresses()
  const allowed = others.filter(({ address }) => limits.refusal(host, address, own) === undefined)
  return Promise.all(
    allowed.map(async ({ address, source }) => ({
      ...(await tryTcp(address, port, { signal, timeoutMs: NEIGHBOUR_MS })),
      source,
    })),
  )
}

/** Which sizes pass. Never throws. */
async function lookAtPath(
  { address, port }: Pick<TcpFacts, 'address' | 'port'>,
  signal: AbortSignal,
): Promise<Pick<AppFacts, 'ping' | 'stalls'>> {
  const ping = await pingSizes(address, signal)
  if (ping?.throughBytes !== undefined) return { ping }
  return { ping, stalls: await lookAtStalls(address, port, signal) }
}

/** The same for asking often: mostly all is well, or nothing answers, and then many sizes say no more than two. */
export async function lookAtPathBriefly(
  at: Pick<TcpFacts, 'address' | 'port'>,
  signal: AbortSignal,
): Promise<Pick<AppFacts, 'ping' | 'stalls'>> {
  const { whole, small } = await pingTwice(at.address, signal)
  if (whole) return {}
  return small ? lookAtPath(at, signal) : { stalls: await lookAtStalls(at.address, at.port, signal) }
}

async function resolve(host: string, resolvers: ResolverFile, signal: AbortSignal): Promise<NameFacts> {
  if (net.isIP(host) !== 0) return { name: host, addresses: [host], tookMs: 0, servers: [] }
  return lookUp(host, resolvers, { signal })
}

async function connect(
  target: AppTarget,
  addresses: readonly string[],
  signal: AbortSignal,
  patience: Patience,
): Promise<
  Pick<AppFacts, 'attempts' | 'neighbours' | 'tls' | 'tlsUnseen' | 'hungUp' | 'keeps' | 'returnPath'>
> {
  const tryAll = (port: number, timeoutMs: number) =>
    Promise.all(addresses.map((address) => tryTcp(address, port, { signal, timeoutMs })))
  const all = tryAll(target.port, patience.msFor('application'))
  const soon = await Promise.race([all, wait(HEAD_START_MS, undefined, { signal })])
  const open = soon?.find(({ is }) => is === 'open')
  if (soon && open)
    return { attempts: soon, neighbours: [], ...(await lookInto(target, open, signal, patience)) }
  const [others, attempts, returnPath] = await Promise.all([
    Promise.all(neighboursOf(target).map((port) => tryAll(port, NEIGHBOUR_MS))),
    all,
    addresses[0] === undefined
      ? undefined
      : lookForLostAnswers({ address: addresses[0], port: target.port }, signal),
  ])
  const late = attempts.find(({ is }) => is === 'open')
  if (late) return { attempts, neighbours: [], ...(await lookInto(target, late, signal, patience)) }
  const silent = attempts.some(({ is }) => is === 'silent')
  return { attempts, neighbours: others.flat(), returnPath: silent ? returnPath : undefined }
}

/** What it shows, and whether it keeps a connection. Never rejects. */
async function lookInto(target: AppTarget, open: TcpFacts, signal: AbortSignal, patience: Patience) {
  const [shown, hungUp] = await Promise.all([
    certificateOf(target, open, signal, patience.msFor('applicationTls')),
    lookForHangUp(open.address, open.port, signal),
  ])
  const kept = hungUp === 'kept'
  return { ...shown, ...(kept ? { keeps: true as const } : { hungUp }) }
}

/** Other ports where it may be found: those of its segment first, then those usual for its kind. */
function neighboursOf({ port, ports = [] }: AppTarget): number[] {
  const ofSegment = ports.flat().slice(0, MAX_PORTS_OF_SEGMENT)
  const families = NEIGHBOURS.filter((family) => family.includes(port))
  return [...new Set([...ofSegment, ...families.flat()])].filter((other) => other !== port)
}

/** Whose certificate answers, on ports where TLS is usual. Never rejects. */
export function certificateOf(
  target: Pick<AppTarget, 'host'>,
  { address, port }: Pick<TcpFacts, 'address' | 'port'>,
  signal: AbortSignal,
  limitMs: number = PATIENCE_MS.applicationTls,
): Promise<Pick<AppFacts, 'tls' | 'tlsUnseen'>> {
  if (!isTlsPort(port)) return Promise.resolve({})
  return new Promise((done) => {
    const late = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
    const servername = net.isIP(target.host) === 0 ? target.host : ''
    // Whether it is trusted is the affair of the programs that connect; the name is what nobody but us looks at first.
    const socket = tls.connect({
      host: address,
      port,
      servername,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    })
    const end = (found: Pick<AppFacts, 'tls' | 'tlsUnseen'>) => {
      late.removeEventListener('abort', stop)
      socket.destroy()
      done(found)
    }
    const startedAt = performance.now()
    const tookMs = () => Math.round(performance.now() - startedAt)
    const stop = () => end({ tlsUnseen: `the handshake did not complete in ${tookMs()} ms` })
    late.addEventListener('abort', stop, { once: true })
    if (late.aborted) return stop()
    socket.once('error', ({ code, message }: NodeJS.ErrnoException) => end({ tlsUnseen: code ?? message }))
    socket.once('secureConnect', () => {
      const [leaf] = presentedChain(socket)
      const fits = nameFits(socket, target.host)
      end(
        leaf === undefined
          ? { tlsUnseen: 'it shows none' }
          : {
              tls: {
                ...{ names: leaf.names, subject: leaf.subject, fits },
                validMs: [leaf.notBeforeMs, leaf.notAfterMs],
                tookMs: tookMs(),
              },
            },
      )
    })
  })
}
