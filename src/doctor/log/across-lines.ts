/**
 * What only several lines together say: a connection that comes and goes, an edge that is far.
 *
 * @module
 */
import { span } from '../../base/span.ts'
import type { Clue, ClueReader } from './clue.ts'
import type { LogLine } from './log-lines.ts'

const MIN_DROPS = 3
/** Half the way around the world and back; a near edge is within a fifth of it. */
const FAR_MS = 150

export const flappingClues: ClueReader = (lines) => {
  const drops = lines.filter(isDrop)
  if (drops.length < MIN_DROPS) return []
  const times = drops.flatMap(({ timeMs }) => (timeMs === undefined ? [] : [timeMs]))
  const gaps = times.slice(1).map((time, i) => time - times[i]!)
  const period = gaps.length > 0 ? gaps.toSorted((a, b) => a - b)[Math.floor(gaps.length / 2)]! : undefined
  const every = period !== undefined && period > 0 ? `, about every ${span(period)}` : ''
  return [
    {
      code: 'FLAPPING',
      line: drops.at(-1)!,
      why: `The control connection was lost ${drops.length} times${every}.`,
    },
  ]
}

function isDrop({ fields, text }: LogLine): boolean {
  if (fields !== undefined) return fields.event === 'control.disconnected'
  return /state: DISCONNECTED\b/.test(text)
}

export const farEdge: ClueReader = (lines) =>
  lines.flatMap((line): Clue[] => {
    const found = /(?:control|edge|broker)[^\n]*(?:latency|round trip|rtt)\D{0,4}(\d+) ?ms/i.exec(line.text)
    if (found === null || Number(found[1]) < FAR_MS) return []
    const region = lines
      .map(({ text }) => /\(region: ([\w-]+)\)/.exec(text)?.[1])
      .find((name) => name !== undefined)
    const where = region === undefined ? '' : ` in ${region}`
    return [{ code: 'EDGE_FAR', line, why: `The edge in use${where} is ${found[1]} ms away.` }]
  })
