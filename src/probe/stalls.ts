import { interfaceTo } from './next-hop.ts'
import { runProgram } from './run-program.ts'

/** An open connection of this machine whose long packets are sent again and again. */
export interface Stall {
  /** `10.20.0.9:443`. */
  readonly peer: string
  /** The interface that leads there. */
  readonly via?: string
  /** The whole packet that is sent, as this machine believes that the path takes it. */
  readonly packetBytes: number
  /** Of what `ss` prints, verbatim. */
  readonly saw: string
}

/**
 * An open connection of this machine that loses what is under way. `unacknowledged`: what is sent from here, however
 * short. `gap`: what the other end sends; later bytes have come, those before them do not come.
 */
export interface Lossy {
  readonly is: 'unacknowledged' | 'gap'
  readonly nearPort: number
  /** `unacknowledged`: how long ago it was last sent. */
  readonly sentAgoMs?: number
  /** Of what `ss` prints, verbatim. */
  readonly saw: string
}

/** What every path takes, without the headers of IP and TCP: less than that is lost for another reason. */
const ALWAYS_PASSES = 1280 - 52
/** Sent again so often, each time after a longer wait, nothing is merely late. */
const TELLING_BACKOFF = 2
/** A gap is filled within a round trip or two where packets are merely out of order; nothing came for so long. */
const TELLING_GAP_MS = 2000

/**
 * Connections to this port of `address` that stand because what is sent is lost: not those whose peer takes no more for now.
 * Never throws; none where `ss` is not there.
 */
export async function lookAtStalls(address: string, port: number, signal: AbortSignal): Promise<Stall[]> {
  const stalls = readStalls((await askSs(['established'], { address, port }, signal)) ?? '')
  if (stalls.length === 0) return []
  const via = await interfaceTo(address)
  return stalls.map((stall) => ({ ...stall, via }))
}

/** The same of what is short, of what does not arrive, and of connections that the program here has ended. */
export async function lookAtLossy(
  at: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<Lossy[]> {
  return readLossy((await askSs(['connected'], at, signal)) ?? '')
}

async function askSs(
  states: readonly string[],
  { address, port }: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  const which = [...states.flatMap((state) => ['state', state]), 'dst', address, 'dport', '=', String(port)]
  // Without a descriptor for it, or a process, it cannot even be started: then nothing is known.
  const said = await runProgram('ss', ['-tinmHO', ...which], { signal, timeoutMs: 1500 }).catch(
    () => undefined,
  )
  return said?.status === 0 ? said.stdout : undefined
}

interface LostLine {
  readonly near: string
  readonly peer: string
  readonly queued: number
  readonly pmtu: string | undefined
  readonly sentAgoMs: number | undefined
  readonly saw: string
}

/** Of `ss -tinmHO`: one line for each connection. */
export function readStalls(text: string): Stall[] {
  return readLost(text).flatMap(({ peer, queued, pmtu, saw }) =>
    queued <= ALWAYS_PASSES || pmtu === undefined ? [] : [{ peer, packetBytes: Number(pmtu), saw }],
  )
}

export function readLossy(text: string): Lossy[] {
  const lost = readLost(text).map(({ near, sentAgoMs, saw }): Lossy => {
    return { is: 'unacknowledged', nearPort: portOf(near), sentAgoMs, saw }
  })
  return [...lost, ...readGaps(text)]
}

function portOf(end: string): number {
  return Number(end.slice(end.lastIndexOf(':') + 1))
}

interface Line {
  /** Received, and not yet read by the program here. */
  readonly unread: string
  readonly queued: string
  readonly near: string | undefined
  readonly peer: string | undefined
  readonly figure: (name: string) => string | undefined
}

function readLine(line: string): Line {
  const figure = (name: string) => new RegExp(`(?:^|\\s)${name}:(\\d+)`).exec(line)?.[1]
  // Where several states are asked for the state stands first.
  const [unread = '0', queued = '0'] = line
    .trim()
    .replace(/^[A-Z][A-Z0-9-]+\s+/, '')
    .split(/\s+/)
  const [near, peer] = line.match(/\S+:\d+(?=\s)/g) ?? []
  return { unread, queued, near, peer, figure }
}

/** Nothing waits for the program, and all the same the socket holds bytes: those behind a gap. */
function readGaps(text: string): Lossy[] {
  return text.split('\n').flatMap((line): Lossy[] => {
    const { unread, near, peer, figure } = readLine(line)
    const heldBytes = Number(/skmem:\(r(\d+)/.exec(line)?.[1] ?? 0)
    const early = figure('rcv_ooopack')
    const sinceMs = Number(figure('lastrcv') ?? 0)
    const isGap = unread === '0' && heldBytes > 0 && early !== undefined && sinceMs >= TELLING_GAP_MS
    if (!isGap || near === undefined || peer === undefined) return []
    const said = line.match(/(?<=\s)(?:rcvmss|advmss|lastrcv|rcv_ooopack):\S+/g) ?? []
    return [{ is: 'gap', nearPort: portOf(near), saw: `${peer} skmem:r${heldBytes} ${said.join(' ')}` }]
  })
}

function readLost(text: string): LostLine[] {
  return text.split('\n').flatMap((line) => {
    const { queued, near, peer, figure } = readLine(line)
    const backoff = Number(figure('backoff') ?? 0)
    // A peer whose window is closed is asked ever less often, too; then nothing is under way.
    const lost = backoff >= TELLING_BACKOFF && figure('unacked') !== undefined
    if (!lost || near === undefined || peer === undefined) return []
    const said = line.match(/(?<=\s)(?:backoff|mss|pmtu|bytes_acked|unacked|retrans|notsent):\S+/g) ?? []
    const saw = `${peer} ${queued} bytes waiting, ${said.join(' ')}`
    const lastsnd = figure('lastsnd')
    const sentAgoMs = lastsnd === undefined ? undefined : Number(lastsnd)
    return [{ near, peer, queued: Number(queued), pmtu: figure('pmtu'), sentAgoMs, saw }]
  })
}
