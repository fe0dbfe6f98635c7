/**
 * What an answer in the drill is worth, and what was reached so far: one line for each round.
 *
 * @module
 */

export interface Round {
  readonly hints: number
  readonly wrong: number
  /** The doctor was asked, or the answer was. */
  readonly told: boolean
}

export interface Score {
  readonly at: string
  readonly variant: string
  readonly points: number
  readonly tookSeconds: number
}

const FULL_POINTS = 10
const HINT_COSTS = 2
const WRONG_COSTS = 1

export function pointsOf({ hints, wrong, told }: Round): number {
  return told ? 0 : Math.max(0, FULL_POINTS - hints * HINT_COSTS - wrong * WRONG_COSTS)
}

export function scoreLine({ at, variant, points, tookSeconds }: Score): string {
  return `${at} ${variant} ${points} ${tookSeconds}\n`
}

/** Lines that are no scores are passed over: the file is the person's own. */
export function readScores(text: string): Score[] {
  return text.split('\n').flatMap((line) => {
    const [, at, variant, points, took] = /^(\S+) (\S+) (\d+)(?: (\d+))?$/.exec(line) ?? []
    if (at === undefined || variant === undefined) return []
    return [{ at, variant, points: Number(points), tookSeconds: Number(took ?? 0) }]
  })
}

/** Points in all, and each scenario with how often, the best and the last. */
export function scoresText(scores: readonly Score[]): string {
  if (scores.length === 0) return 'no round has been played yet'
  const total = scores.reduce((sum, { points }) => sum + points, 0)
  const rows = [...Map.groupBy(scores, ({ variant }) => variant)].sort(([a], [b]) => (a < b ? -1 : 1))
  const lines = rows.map(([variant, rounds]) => {
    const best = Math.max(...rounds.map(({ points }) => points))
    const last = rounds.at(-1)!
    const times = rounds.length === 1 ? 'once' : `${rounds.length} times`
    return `  ${variant.padEnd(24)}${times.padEnd(10)}best ${best}, last ${last.points} in ${last.tookSeconds} s`
  })
  return [
    `${total} points in ${scores.length === 1 ? 'one round' : `${scores.length} rounds`}`,
    ...lines,
  ].join('\n')
}
