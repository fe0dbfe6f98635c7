/**
 * Whether a connector is at the end of what its machine can carry: by which figure, since when, and how long it has
 * where it is not there yet. Pure: figures in, judgement out.
 *
 * @module
 */
import type { Figures, FiguresSample } from '../base/figures.ts'
import { minutesUntil, type Point } from './trend.ts'

export const FIGURE_NAMES = ['cpu', 'cpu-wait', 'memory', 'descriptors', 'ports'] as const
export type FigureName = (typeof FIGURE_NAMES)[number]

interface Threshold {
  /** Shares, 0…1. What is between them changes nothing: no connector comes and goes with every sample. */
  readonly enter: number
  readonly leave: number
  /** Samples whose mean counts: a burst is not a load. */
  readonly samples: number
}

export const THRESHOLDS: Readonly<Record<FigureName, Threshold>> = {
  cpu: { enter: 0.9, leave: 0.7, samples: 3 },
  'cpu-wait': { enter: 0.4, leave: 0.2, samples: 3 },
  memory: { enter: 0.92, leave: 0.85, samples: 1 },
  descriptors: { enter: 0.9, leave: 0.75, samples: 1 },
  ports: { enter: 0.9, leave: 0.75, samples: 1 },
}

export interface Overload {
  /** Those over their threshold, the fullest first. */
  readonly figures: readonly FigureName[]
  readonly sinceMs: number
}

/** How full each figure is, 0…1 and over; a limit that is not known is never reached. */
export function shareOf(name: FigureName, figures: Figures): number {
  switch (name) {
    case 'cpu':
      return part(figures.cpuPercent, figures.cpuLimitPercent)
    case 'cpu-wait':
      return figures.cpuWaitPercent / 100
    case 'memory':
      return part(figures.memoryLimitBytes - figures.memoryFreeBytes, figures.memoryLimitBytes)
    case 'descriptors':
      return part(figures.fds, figures.fdLimit)
    case 'ports':
      return part(figures.portsUsed, figures.portsTotal)
  }
}

/** Figures that sessions bring with them, and take to another connector. */
const CARRIED: readonly FigureName[] = ['cpu', 'descriptors', 'ports']

/** What the work of a connector takes of its machine, 0…1 and over. */
export function loadOf(figures: Figures): number {
  return Math.max(...CARRIED.map((name) => shareOf(name, figures)))
}

/** @param samples Oldest first. @param before What was judged at the sample before, so that it is not left at once. */
export function judgeOverload(
  samples: readonly FiguresSample[],
  before: Overload | undefined,
): Overload | undefined {
  const last = samples.at(-1)
  if (last === undefined) return undefined
  const over = FIGURE_NAMES.flatMap((name) => {
    const { enter, leave, samples: count } = THRESHOLDS[name]
    if (samples.length < count) return []
    const recent = samples.slice(-count)
    const share = recent.reduce((sum, sample) => sum + shareOf(name, sample), 0) / count
    const wasOver = before?.figures.includes(name) === true
    // What is idle now is not kept out for what was a moment ago.
    if (wasOver && shareOf(name, last) < leave / 2) return []
    return share >= (wasOver ? leave : enter) ? [{ name, share }] : []
  })
  if (over.length === 0) return undefined
  const figures = over.sort((a, b) => b.share - a.share).map(({ name }) => name)
  return { figures, sinceMs: before?.sinceMs ?? last.atMs }
}

/** A trend that leads to a limit sooner than this is worth a word. */
const SOON_MINUTES = 60
/** A line through less than this is chance. */
const MIN_TREND_MS = 120_000

/** The figure that is full first if everything goes on as in these samples. */
export function firstToFill(
  samples: readonly FiguresSample[],
): { figure: FigureName; minutes: number } | undefined {
  const [first, last] = [samples[0], samples.at(-1)]
  if (first === undefined || last === undefined || last.atMs - first.atMs < MIN_TREND_MS) return undefined
  const found = FIGURE_NAMES.flatMap((figure) => {
    const points = samples.map((sample): Point => ({ atMs: sample.atMs, value: shareOf(figure, sample) }))
    // Up and down by a few percent is how an idle machine is.
    if (points.at(-1)!.value - points[0]!.value < 0.05) return []
    const minutes = minutesUntil(1, points)
    return minutes === undefined || minutes > SOON_MINUTES ? [] : [{ figure, minutes }]
  })
  return found.sort((a, b) => a.minutes - b.minutes)[0]
}

/** For people: `memory 94 % (241 of 256 MB)`. */
export function figureText(name: FigureName, figures: Figures): string {
  const full = `${Math.round(shareOf(name, figures) * 100)} %`
  switch (name) {
    case 'cpu':
      return `processor ${full} of its limit (${Math.round(figures.cpuPercent)} of ${Math.round(figures.cpuLimitPercent)} % of one)`
    case 'cpu-wait':
      return `had work but no processor ${full} of the time`
    case 'memory':
      return `memory ${full} (${megabytes(figures.memoryLimitBytes - figures.memoryFreeBytes)} of ${megabytes(figures.memoryLimitBytes)})`
    case 'descriptors':
      return `descriptors ${full} (${figures.fds} of ${figures.fdLimit})`
    case 'ports':
      return `local ports ${full} (${figures.portsUsed} of ${figures.portsTotal})`
  }
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`
}

function part(used: number, limit: number): number {
  return limit > 0 ? Math.max(0, used) / limit : 0
}
