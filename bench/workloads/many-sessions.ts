/**
 * Ten thousand sessions open at once, one in a hundred of them active: what each costs in memory, how long the active
 * ones wait, and what they cost beside the many that are silent.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { costMetrics, costSample, startMeter } from '../cost.ts'
import { Generator } from '../generator.ts'
import type { RoundTrips, RoundTripsRequest } from '../load/round-trips.ts'
import { perRole, roleMetrics, type Sample, type Subject, type Workload, warmMs } from '../workload.ts'
import { settledKb } from './idle-memory.ts'

/** For what a process has open besides. */
const SPARE_FILES = 300
/** Where a process may not have more files open, a chain of two sockets per session decides for all. */
const SESSIONS = Math.min(10_000, Math.floor((openFiles() - SPARE_FILES) / 2))
const QUICK_SESSIONS = 500
const ACTIVE_PART = 0.01
/** What a process has before any of them is not theirs. */
const BEFORE_PART = 0.02
const PER_SECOND = 1000
const LIMIT_MS = 400_000

export const manySessions: Workload = {
  name: 'many-sessions',
  title: `${SESSIONS} sessions open, ${ACTIVE_PART * 100} % active: ${PER_SECOND} round trips of 64 B a second among them`,
  metrics: [
    { name: 'memory', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'p50', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'p99', unit: 'µs', better: 'lower', digits: 0 },
    { name: 'lost', unit: '', better: 'lower', digits: 0 },
    { name: 'opened', unit: '1/s', better: 'higher', digits: 0 },
    ...roleMetrics('memory', 'kB', 1),
    ...costMetrics('%', 1),
  ],
  onlyFor: ({ name, hasProcesses }) => hasProcesses && !name.startsWith('nebula'),
  maxRounds: 1,
  measure,
}

async function measure({ fresh, seconds, quick }: Subject): Promise<Sample> {
  const sessions = quick ? QUICK_SESSIONS : SESSIONS
  const active = Math.round(sessions * ACTIVE_PART)
  await using path = await fresh()
  await using holder = Generator.load('idle', path.to.echo, LIMIT_MS)
  const hold = async (count: number) => {
    holder.send(`${count}`)
    await holder.line()
  }
  const few = Math.round(sessions * BEFORE_PART)
  await hold(few)
  const before = await settledKb(path)
  const openMs = performance.now()
  await hold(sessions - active)
  const opened = (sessions - active - few) / ((performance.now() - openMs) / 1000)
  const after = await settledKb(path)
  const each = perRole('memory', (role) =>
    role in after ? (after[role]! - before[role]!) / (sessions - active - few) : undefined,
  )

  const request: RoundTripsRequest = {
    at: path.to.echo,
    messageBytes: 64,
    perSecond: PER_SECOND,
    sessions: active,
    warmMs: warmMs(seconds),
    seconds,
  }
  const used = startMeter(path)
  const startMs = performance.now()
  await using load = Generator.load('round-trips', request, (seconds + 30) * 1000)
  const { count, lost, p50Us, p99Us } = await load.json<RoundTrips>()
  if (count === 0) throw new Error('no round trip came back')
  const percent = (performance.now() - startMs) / 1000 / 100
  const memory = Object.values(each).reduce((sum, kb) => sum + kb, 0)
  return { memory, p50: p50Us, p99: p99Us, lost, opened, ...each, ...costSample(used(), percent) }
}

function openFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
}
