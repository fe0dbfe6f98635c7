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

/** An open connection of this machine in which what is sent, however short, is not acknowledged. */
export interface Unacknowledged {
  readonly nearPort: number
  /** Of what `ss` prints, verbatim. */
  readonly saw: string
}

/** What every path takes, without the headers of IP and TCP: less than that is lost for another reason. */
const ALWAYS_PASSES = 1280 - 52
/** Sent again so often, each time after a longer wait, nothing is merely late. */
const TELLING_BACKOFF = 2

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

/** The same of what is short, and of connections that the program here has ended. */
export async function lookAtUnacknowledged(
  at: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<Unacknowledged[]> {
  return readUnacknowledged((await askSs(['connected'], at, signal)) ?? '')
}

async function askSs(
  states: readonly string[],
  { address, port }: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  const which = [...states.flatMap((state) => ['state', state]), 'dst', address, 'dport', '=', String(port)]
  const said = await runProgram('ss', ['-tinHO', ...which], { signal, timeoutMs: 1500 })
  return said?.status === 0 ? said.stdout : undefined
}

interface LostLine {
  readonly near: string
  readonly peer: string
  readonly queued: number
  readonly pmtu: string | undefined
  readonly saw: string
}

/** Of `ss -tinHO`: one line for each connection. */
export function readStalls(text: string): Stall[] {
  return readLost(text).flatMap(({ peer, queued, pmtu, saw }) =>
    queued <= ALWAYS_PASSES || pmtu === undefined ? [] : [{ peer, packetBytes: Number(pmtu), saw }],
  )
}

export function readUnacknowledged(text: string): Unacknowledged[] {
  return readLost(text).map(({ near, saw }) => ({
    nearPort: Number(near.slice(near.lastIndexOf(':') + 1)),
    saw,
  }))
}

function readLost(text: string): LostLine[] {
  return text.split('\n').flatMap((line) => {
    const figure = (name: string) => new RegExp(`(?:^|\\s)${name}:(\\d+)`).exec(line)?.[1]
    const backoff = Number(figure('backoff') ?? 0)
    // Where several states are asked for the state stands first.
    const [, queued = '0'] = line
      .trim()
      .replace(/^[A-Z][A-Z0-9-]+\s+/, '')
      .split(/\s+/)
    const [near, peer] = line.match(/\S+:\d+(?=\s)/g) ?? []
    // A peer whose window is closed is asked ever less often, too; then nothing is under way.
    const lost = backoff >= TELLING_BACKOFF && figure('unacked') !== undefined
    if (!lost || near === undefined || peer === undefined) return []
    const said = line.match(/(?<=\s)(?:backoff|mss|pmtu|bytes_acked|unacked|retrans|notsent):\S+/g) ?? []
    const saw = `${peer} ${queued} bytes wait, ${said.join(' ')}`
    return [{ near, peer, queued: Number(queued), pmtu: figure('pmtu'), saw }]
  })
}
