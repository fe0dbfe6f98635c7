/**
 * Whether answers come back to this machine and go to no program of it: what leaves, arrives; and the way back is broken.
 *
 * No rights are needed: the counters of the kernel tell it. Some more connections are opened at once, and if as many
 * packets are thrown away meanwhile, and hardly one in as long a time before, it is the answers to them.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { runProgram } from './run-program.ts'

/** What became of answers that arrived here. */
export interface LostAnswers {
  /** How many connections were opened to find out. */
  readonly asked: number
  /** Dropped by the filter for the return path: they came by an interface that this machine would not have used. */
  readonly filtered: number
  /** Dropped between the network card and the programs: by a firewall on this machine. */
  readonly dropped: number
  /** Answered with a reset by this machine: they came from an address or port that nobody here had asked. */
  readonly refused: number
  /** What `ip route get` says of the way there: interface and source address. */
  readonly route?: string
}

/** Packets since boot, in this network namespace. */
export type LossCounters = Pick<LostAnswers, 'filtered' | 'dropped' | 'refused'>
const LOSSES = ['filtered', 'dropped', 'refused'] as const

const ASKED = 10
/** Longer than the way to nearly everywhere, far shorter than the second after which the kernel asks again. */
const WINDOW_MS = 400
/** Whoever was asked before us sends his answer again, once a second at first: until that is over there is no telling. */
const WINDOWS = 5
/** Of several who look at the same time each would take the answers of the others for noise. Abstract: of this network namespace. */
const TURN = '\0backstitch-return-path'
const AGAIN_MS = 50

/** @returns Nothing where no answers are lost here, or it cannot be told. Never throws. */
export async function lookForLostAnswers(
  to: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<LostAnswers | undefined> {
  try {
    await using _turn = await turnAt(TURN, signal)
    const lost = await askInQuiet(to, signal)
    if (lost === undefined) return undefined
    const said = await runProgram('ip', ['route', 'get', to.address], { signal, timeoutMs: 1000 })
    return { asked: ASKED, ...lost, route: said?.stdout.split('\n')[0]?.trim() || undefined }
  } catch {
    return undefined // the time is over
  }
}

async function askInQuiet(
  { address, port }: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<LossCounters | undefined> {
  let before = await readLosses()
  for (let at = 0; at < WINDOWS && before !== undefined; at++) {
    await wait(WINDOW_MS, undefined, { signal })
    const now = await readLosses()
    if (now === undefined) return undefined
    if (isQuiet(before, now)) {
      return (await askAndWait(address, port, signal))
        ? undefined
        : lostWhile(before, now, await readLosses())
    }
    before = now
  }
  return undefined
}

function isQuiet(before: LossCounters, now: LossCounters): boolean {
  return LOSSES.every((name) => now[name] - before[name] <= ASKED / 2)
}

/** Pure: of three readings, with nothing done between the first two. */
export function lostWhile(
  before: LossCounters,
  quiet: LossCounters,
  after: LossCounters | undefined,
): LossCounters | undefined {
  if (after === undefined || !isQuiet(before, quiet)) return undefined
  const grown = (name: keyof LossCounters) => {
    const more = after[name] - quiet[name]
    return more >= ASKED - 1 ? more : 0
  }
  const lost = { filtered: grown('filtered'), dropped: grown('dropped'), refused: grown('refused') }
  return lost.filtered + lost.dropped + lost.refused > 0 ? lost : undefined
}

/** Held until it is disposed of. @throws the reason of `signal`. */
async function turnAt(name: string, signal: AbortSignal): Promise<net.Server> {
  for (;;) {
    const server = net.createServer((socket) => socket.destroy())
    const taken = new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false)).listen(name, () => resolve(true))
    })
    if (await taken) return server.unref()
    await wait(AGAIN_MS, undefined, { signal })
  }
}

async function askAndWait(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  let answered = false
  const sockets = Array.from({ length: ASKED }, () => {
    const heard = () => {
      answered = true
    }
    return net.connect({ host, port, autoSelectFamily: false }).on('error', heard).on('connect', heard)
  })
  try {
    await wait(WINDOW_MS, undefined, { signal })
    return answered
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

async function readLosses(folder = '/proc/net'): Promise<LossCounters | undefined> {
  const [snmp, netstat] = await Promise.all(
    ['snmp', 'netstat'].map((name) => readFile(`${folder}/${name}`, 'utf8').catch(() => '')),
  )
  return lossesOf(snmp!, netstat!)
}

/** Pure: of /proc/net/snmp and /proc/net/netstat. What came in and is in no other column was dropped by a firewall. */
export function lossesOf(snmp: string, netstat: string): LossCounters | undefined {
  const ip = (name: string) => counterOf(snmp, 'Ip', name)
  const [received, delivered, refused] = [
    ip('InReceives'),
    ip('InDelivers'),
    counterOf(snmp, 'Tcp', 'OutRsts'),
  ]
  if (received === undefined || delivered === undefined || refused === undefined) return undefined
  const filtered = counterOf(netstat, 'TcpExt', 'IPReversePathFilter') ?? 0
  const known = KNOWN_ENDS.reduce(
    (sum, name) => sum + (ip(name) ?? 0),
    counterOf(netstat, 'IpExt', 'InNoRoutes') ?? 0,
  )
  return { filtered, dropped: received - delivered - filtered - known, refused }
}

const KNOWN_ENDS = ['ForwDatagrams', 'InHdrErrors', 'InAddrErrors', 'InUnknownProtos', 'InDiscards']

/** The files have two lines for each group: names, then figures. */
export function counterOf(text: string, group: string, name: string): number | undefined {
  const [names, figures] = text
    .split('\n')
    .filter((line) => line.startsWith(`${group}:`))
    .map((line) => line.split(' '))
  const figure = figures?.[names?.indexOf(name) ?? -1]
  return figure === undefined ? undefined : Number(figure)
}
