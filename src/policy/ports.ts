/** Ports as people write them. */

/** First and last port, both included. */
export type PortRange = readonly [number, number]

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/

/** Both ends of `443` or `8000-8100`, or nothing when the text is none. */
export function parsePorts(text: string): [number, number] | undefined {
  const match = PORTS.exec(text)
  if (match === null) return undefined
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  return from >= 1 && to <= 65_535 && from <= to ? [from, to] : undefined
}

/** The one spelling of it: `443`, `8000-8100`. */
export function portsText([from, to]: PortRange): string {
  return from === to ? `${from}` : `${from}-${to}`
}

/** In order, none touching another. */
export function merged(ranges: readonly PortRange[]): PortRange[] {
  const result: [number, number][] = []
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  return result
}

/** What of `ranges` is not in `without`; both in order, as `merged` gives them. */
export function minus(ranges: readonly PortRange[], without: readonly PortRange[]): PortRange[] {
  return ranges.flatMap(([from, to]) => {
    const left: PortRange[] = []
    let at = from
    for (const [first, last] of without) {
      if (last < at || first > to) continue
      if (first > at) left.push([at, first - 1])
      at = last + 1
    }
    if (at <= to) left.push([at, to])
    return left
  })
}
