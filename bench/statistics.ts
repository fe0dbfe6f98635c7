/**
 * Medians and ratios. Nothing is discarded: the spread is shown instead.
 *
 * @module
 */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly count: number
}

/** `undefined` when there is nothing to summarise. */
export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)!, count: sorted.length }
}

/** Ratio within each round, so that what the machine did in a round hits both sides of it. */
export function ratios(
  over: readonly (number | undefined)[],
  under: readonly (number | undefined)[],
): Spread | undefined {
  const each: number[] = []
  for (const [round, value] of over.entries()) {
    const other = under[round]
    if (value !== undefined && other !== undefined && other !== 0) each.push(value / other)
  }
  return spread(each)
}

/** Least-squares slope of y over x: what one more x costs. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  return fit(points).slope
}

/** The same with its standard error, which needs more than two points. */
export function fit(points: readonly (readonly [x: number, y: number])[]): { slope: number; error: number } {
  const count = points.length
  const meanX = points.reduce((total, [x]) => total + x, 0) / count
  const meanY = points.reduce((total, [, y]) => total + y, 0) / count
  let covariance = 0
  let variance = 0
  for (const [x, y] of points) {
    covariance += (x - meanX) * (y - meanY)
    variance += (x - meanX) ** 2
  }
  const slope = covariance / variance
  const rest = points.reduce((total, [x, y]) => total + (y - meanY - slope * (x - meanX)) ** 2, 0)
  return { slope, error: Math.sqrt(rest / (count - 2) / variance) }
}

export function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1))
    ;[result[last], result[other]] = [result[other]!, result[last]!]
  }
  return result
}
