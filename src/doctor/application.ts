import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import tls from 'node:tls'
import { mayDial } from '../policy/meant-networks.ts'
import { isTlsPort } from '../policy/tls-ports.ts'
import { lookUp, type NameFacts, type ResolverFile } from '../probe/names.ts'
import { pingSizes, pingTwice } from '../probe/ping.ts'
import { nameFits, presentedChain } from '../probe/presented-chain.ts'
import { lookAtReturnPath, readFiltered } from '../probe/return-path.ts'
import { lookAtStalls } from '../probe/stalls.ts'
import { type TcpFacts, tryTcp } from '../probe/tcp.ts'
import type { AppFacts, AppTarget } from './facts.ts'

const TCP_MS = 4000
const NEIGHBOUR_MS = 2500
const TLS_MS = 3000
const HEAD_START_MS = 700
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
  { servers }: ResolverFile,
  signal: AbortSignal,
): Promise<AppFacts> {
  const name = await resolve(target.host, servers, signal)
  // As the connector: an examination can be asked for from afar, and is no way to what sessions are kept from.
  const dialled = name.addresses.filter((address) => mayDial(address, target.networks))
  const addresses = dialled.slice(0, MAX_ADDRESSES)
  const filteredBefore = await readFiltered()
  const [{ attempts, neighbours, tls: shown }, path] = await Promise.all([
    connect(target, addresses, signal),
    addresses[0] === undefined ? undefined : lookAtPath({ address: addresses[0], port: target.port }, signal),
  ])
  const silent = attempts.find(({ is }) => is === 'silent')
  const returnPath = silent && (await lookAtReturnPath(filteredBefore, silent.address, signal))
  return { target, name, attempts, neighbours, tls: shown, ...path, returnPath }
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

async function resolve(host: string, servers: readonly string[], signal: AbortSignal): Promise<NameFacts> {
  if (net.isIP(host) !== 0) return { name: host, addresses: [host], tookMs: 0, servers: [] }
  return lookUp(host, servers, { signal })
}

async function connect(
  target: AppTarget,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<Pick<AppFacts, 'attempts' | 'neighbours' | 'tls'>> {
  const tryAll = (port: number, timeoutMs: number) =>
    Promise.all(addresses.map((address) => tryTcp(address, port, { signal, timeoutMs })))
  const all = tryAll(target.port, TCP_MS)
  const soon = await Promise.race([all, wait(HEAD_START_MS, undefined, { signal })])
  const open = soon?.find(({ is }) => is === 'open')
  if (soon && open) return { attempts: soon, neighbours: [], tls: await certificateOf(target, open, signal) }
  const others = await Promise.all(neighboursOf(target).map((port) => tryAll(port, NEIGHBOUR_MS)))
  const attempts = await all
  return { attempts, neighbours: attempts.some(({ is }) => is === 'open') ? [] : others.flat() }
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
): Promise<AppFacts['tls']> {
  if (!isTlsPort(port)) return Promise.resolve(undefined)
  return new Promise((done) => {
    const late = AbortSignal.any([signal, AbortSignal.timeout(TLS_MS)])
    const servername = net.isIP(target.host) === 0 ? target.host : ''
    // Whether it is trusted is the affair of the programs that connect; the name is what nobody but us looks at first.
    const socket = tls.connect({
      host: address,
      port,
      servername,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    })
    const end = (found?: AppFacts['tls']) => {
      late.removeEventListener('abort', stop)
      socket.destroy()
      done(found)
    }
    const stop = () => end()
    late.addEventListener('abort', stop, { once: true })
    if (late.aborted) return stop()
    socket.once('error', stop)
    socket.once('secureConnect', () => {
      const [leaf] = presentedChain(socket)
      end(leaf && { names: leaf.names, subject: leaf.subject, fits: nameFits(socket, target.host) })
    })
  })
}
