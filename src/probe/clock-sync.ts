/**
 * What the time synchronisation of this machine says of itself. It is evidence for a cause, never the measure: the
 * measure is the clock of the edge.
 *
 * @module
 */
import { runProgram } from './run-program.ts'

export interface ClockSync {
  /** Program that was asked, or `none`. */
  readonly by: 'chronyc' | 'timedatectl' | 'none'
  readonly synchronised?: boolean
  /** How far this clock is behind, by the server it follows; positive is slow. */
  readonly slowMs?: number
  /** The line that says so, verbatim. */
  readonly saw: string
}

export async function lookAtClockSync(signal: AbortSignal): Promise<ClockSync> {
  const [chrony, timedate] = await Promise.all([
    runProgram('chronyc', ['-n', 'tracking'], { signal }),
    runProgram('timedatectl', ['show'], { signal }),
  ])
  if (chrony?.status === 0) return readChrony(chrony.stdout)
  if (timedate?.status === 0 && timedate.stdout !== '') return readTimedatectl(timedate.stdout)
  return { by: 'none', saw: 'neither chronyc nor timedatectl answers on this machine' }
}

/** Of `chronyc tracking`. */
export function readChrony(text: string): ClockSync {
  const leap = /^Leap status\s*:\s*(.*)$/im.exec(text)
  const time = /^System time\s*:\s*([\d.]+) seconds (slow|fast) of NTP time/im.exec(text)
  const reference = /^Reference ID\s*:.*$/im.exec(text)
  const slowMs = time ? Math.round(Number(time[1]) * 1000) * (time[2] === 'slow' ? 1 : -1) : undefined
  const lines = [reference?.[0], time?.[0], leap?.[0]].filter((line) => line !== undefined)
  return {
    by: 'chronyc',
    synchronised: leap ? !/not synchronised/i.test(leap[1]!) : undefined,
    slowMs,
    saw: lines.map((line) => line.replace(/\s+/g, ' ')).join('; '),
  }
}

/** Of `timedatectl` with or without `show`. */
export function readTimedatectl(text: string): ClockSync {
  const line = /^\s*(?:NTPSynchronized=|System clock synchronized:\s*)(yes|no)$/im.exec(text)
  return {
    by: 'timedatectl',
    synchronised: line ? line[1]!.toLowerCase() === 'yes' : undefined,
    saw: (line?.[0] ?? 'it does not report whether the clock is synchronised').trim(),
  }
}
