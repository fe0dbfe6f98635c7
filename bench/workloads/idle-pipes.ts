/**
 * What one idle pipe costs an edge: the real edge in a process of its own, real handovers, slope over their number.
 *
 * Idle sessions cost an edge nothing (they share pipes), so idle-memory cannot show this. Halves are brought by a
 * program instead of a thousand clients. Two figures: memory as it stands after the handshakes, garbage included,
 * and memory after a collection, which is what the pipes themselves hold.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Generator } from '../generator.ts'
import { makeTenant } from '../pipes/tenant.ts'
import { freePort } from '../ports.ts'
import { slope } from '../statistics.ts'
import { memoryKb } from '../usage.ts'
import type { Sample, Subject, Workload } from '../workload.ts'

const STEPS = [1000, 2000, 3000, 4000]
const QUICK_STEPS = [25, 50, 100]
const SETTLE_MS = 1000
const LIMIT_MS = 240_000

export const idlePipes: Workload = {
  name: 'idle-pipes',
  title: `memory of the edge per idle pipe, slope from ${STEPS[0]} to ${STEPS.at(-1)} pipes`,
  metrics: [
    { name: 'memory edge', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'after collection', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'pipes', unit: '1/s', better: 'higher', digits: 0 },
  ],
  onlyFor: ({ name }) => name === 'backstitch',
  maxRounds: 1,
  measure,
}

async function measure({ site, quick }: Subject): Promise<Sample> {
  const file = path.join(site.dir, 'tenant.json')
  writeFileSync(file, JSON.stringify(await makeTenant(await freePort())), { mode: 0o600 })
  const program = (name: string) => path.join(import.meta.dirname, '..', 'pipes', name)
  const node = [process.execPath, ...process.execArgv] as [string, ...string[]]
  await using edge = new Generator([...node, '--expose-gc', program('edge.ts'), file], LIMIT_MS)
  await edge.line()
  await using halves = new Generator([...node, program('halves.ts'), file], LIMIT_MS)
  const standing: [number, number][] = []
  const collected: [number, number][] = []
  const steps = quick ? QUICK_STEPS : STEPS
  const startMs = performance.now()
  let waitedMs = 0
  for (const pipes of steps) {
    halves.send(`${pipes}`)
    await halves.line()
    const waitFromMs = performance.now()
    await delay(SETTLE_MS)
    standing.push([pipes, memoryKb([edge.pid])])
    edge.send('collect')
    await edge.line()
    collected.push([pipes, memoryKb([edge.pid])])
    waitedMs += performance.now() - waitFromMs
  }
  const rate = steps.at(-1)! / ((performance.now() - startMs - waitedMs) / 1000)
  return { 'memory edge': slope(standing), 'after collection': slope(collected), pipes: rate }
}
