export function seconds(ms: number): string {
  const value = Math.abs(ms) / 1000
  return `${value < 10 ? Number(value.toFixed(1)) : Math.round(value)} s`
}

/** A difference a person can picture: `312 s`, `52 min`, `2 days`. */
export function span(ms: number): string {
  const abs = Math.abs(ms)
  if (abs < 600_000) return seconds(ms)
  if (abs < 2 * 3_600_000) return `${Math.round(abs / 60_000)} min`
  if (abs < 2 * 86_400_000) return `${Math.round(abs / 3_600_000)} hours`
  return `${Math.round(abs / 86_400_000)} days`
}
