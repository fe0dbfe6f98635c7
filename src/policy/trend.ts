/** The straight line through a row of measurements, and whether there is one. */

export interface Point {
  readonly atMs: number
  readonly value: number
}

export interface Trend {
  /** Change of the value. */
  readonly perMinute: number
  /** How much of the scatter the line explains, 0…1; 1 is a line. */
  readonly fit: number
}

/** Least squares; nothing for fewer than three points, or points of one moment. */
export function trendOf(points: readonly Point[]): Trend | undefined {
  if (points.length < 3) return undefined
  const mean = (of: (point: Point) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const middleMs = mean(({ atMs }) => atMs)
  const middle = mean(({ value }) => value)
  let across = 0
  let along = 0
  let scatter = 0
  for (const { atMs, value } of points) {
    across += (atMs - middleMs) * (value - middle)
    along += (atMs - middleMs) ** 2
    scatter += (value - middle) ** 2
  }
  if (along === 0) return undefined
  const fit = scatter === 0 ? 0 : across ** 2 / (along * scatter)
  return { perMinute: (across / along) * 60_000, fit }
}

/** A line that explains less than this is none. */
const CLEAR_FIT = 0.7

/** Minutes until a value that grows along a clear line is at `limit`; undefined where there is no such line. */
export function minutesUntil(limit: number, points: readonly Point[]): number | undefined {
  const trend = trendOf(points)
  const now = points.at(-1)
  if (trend === undefined || now === undefined || trend.fit < CLEAR_FIT || trend.perMinute <= 0)
    return undefined
  return Math.max(0, (limit - now.value) / trend.perMinute)
}
