/**
 * `bin/node bench/profile.ts FILE.cpuprofile…` prints where the time went: \`npm run bench -- --profile\` leaves such
 * files of our own processes beside the results.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import path from 'node:path'

interface CallFrame {
  readonly functionName: string
  readonly url: string
  readonly lineNumber: number
}

interface Profile {
  readonly nodes: readonly { id: number; callFrame: CallFrame; children?: readonly number[] }[]
  readonly samples: readonly number[]
  /** Microseconds since the sample before. */
  readonly timeDeltas: readonly number[]
}

const ROWS = 25

for (const file of process.argv.slice(2)) {
  const { busyUs, own, inclusive } = summarise(JSON.parse(readFileSync(file, 'utf8')) as Profile)
  console.log(`\n${path.basename(file)}: busy ${(busyUs / 1e6).toFixed(2)} s`)
  print('in the function itself', own, busyUs)
  print('with what it called', inclusive, busyUs)
}

/** Time per function, alone and with its callees; a function on the stack twice counts once. */
function summarise({ nodes, samples, timeDeltas }: Profile): {
  busyUs: number
  own: Map<string, number>
  inclusive: Map<string, number>
} {
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  )
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const own = new Map<string, number>()
  const inclusive = new Map<string, number>()
  let busyUs = 0
  for (const [index, sample] of samples.entries()) {
    const us = timeDeltas[index]!
    const name = names.get(sample)!
    if (name.startsWith('(idle)')) continue
    busyUs += us
    add(own, name, us)
    const stack = new Set<string>()
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id))
      stack.add(names.get(id)!)
    for (const each of stack) add(inclusive, each, us)
  }
  return { busyUs, own, inclusive }
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const place = url && ` ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${place}`
}

function add(map: Map<string, number>, key: string, us: number): void {
  map.set(key, (map.get(key) ?? 0) + us)
}

function print(title: string, times: ReadonlyMap<string, number>, busyUs: number): void {
  console.log(`  ${title}`)
  const rows = [...times].sort(([, a], [, b]) => b - a).slice(0, ROWS)
  for (const [name, us] of rows) console.log(`  ${((us / busyUs) * 100).toFixed(1).padStart(6)} %  ${name}`)
}
