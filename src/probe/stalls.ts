import { runProgram } from './run-program.ts'

/** An open connection of this machine whose long packets are sent again and again. */
export interface Stall {
  /** `10.20.0.9:443`. */
  readonly peer: string
  /** The whole packet that is sent, as this machine believes that the path takes it. */
  readonly packetBytes: number
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
  const to = ['dst', address, 'dport', '=', String(port)]
  const said = await runProgram('ss', ['-tinHO', 'state', 'established', ...to], { signal, timeoutMs: 1500 })
  return said?.status === 0 ? readStalls(said.stdout) : []
}

/** Of `ss -tinHO`: one line for each connection. */
export function readStalls(text: string): Stall[] {
  return text.split('\n').flatMap((line) => {
    const figure = (name: string) => new RegExp(`(?:^|\\s)${name}:(\\d+)`).exec(line)?.[1]
    const backoff = Number(figure('backoff') ?? 0)
    const [, queued = '0'] = line.trim().split(/\s+/)
    const pmtu = figure('pmtu')
    const [, peer] = line.match(/\S+:\d+(?=\s)/g) ?? []
    // A peer whose window is closed is asked ever less often, too; then nothing is under way.
    const lost = backoff >= TELLING_BACKOFF && figure('unacked') !== undefined
    if (!lost || Number(queued) <= ALWAYS_PASSES || pmtu === undefined || peer === undefined) return []
    const saw = line.match(/(?<=\s)(?:backoff|mss|pmtu|bytes_acked|unacked|retrans|notsent):\S+/g) ?? []
    return [{ peer, packetBytes: Number(pmtu), saw: `${peer} ${queued} bytes wait, ${saw.join(' ')}` }]
  })
}
