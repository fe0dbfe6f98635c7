/**
 * A hundred gigabytes through one stream, then two million short sessions: live memory must not grow with what has
 * passed. Live is what a collection leaves, told apart from resident, which holds what the run-time keeps for later.
 *
 * @module
 */

import path from 'node:path'
import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import type { Sessions, SessionsRequest } from '../load/sessions.ts'
import { look } from '../looks.ts'
import type { Path } from '../path.ts'
import { fit } from '../statistics.ts'
import { perRole, roleMetrics, type Sample, type Subject, type Workload } from '../workload.ts'

const BYTES = 100e9
const SESSIONS = 2_000_000
/** So often it is looked, over each of the two. */
const LOOKS = 60
/** The heap finds its size in it; of what is shorter than five of these, the first fifth. */
const PLATEAU_MS = 60_000
const CONCURRENCY = 32
const LIMIT_MS = 3_600_000

export const longMemory: Workload = {
  name: 'long-memory',
  title: 'live memory of all places over 100 GB carried and over 2 million sessions, slope after the plateau',
  metrics: [
    { name: 'live/GB', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'live/GB error', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'resident/GB', unit: 'kB', better: 'lower', digits: 1 },
    { name: 'carried', unit: 'GB', better: 'higher', digits: 1 },
    { name: 'live/session', unit: 'B', better: 'lower', digits: 2 },
    { name: 'live/session error', unit: 'B', better: 'lower', digits: 2 },
    { name: 'resident/session', unit: 'B', better: 'lower', digits: 2 },
    { name: 'sessions', unit: '', better: 'higher', digits: 0 },
    { name: 'failed', unit: '', better: 'lower', digits: 0 },
    ...roleMetrics('peak', 'MB', 0),
  ],
  onlyFor: ({ name }) => name === 'backstitch',
  maxRounds: 1,
  measure,
}

async function measure({ fresh, site, long }: Subject): Promise<Sample> {
  const looksDir = path.join(site.dir, 'looks')
  await using chain = await fresh({ looksDir })
  const memory = new Memory(chain, looksDir)
  const bytes = await carry(chain, BYTES * long, memory)
  const perGb = memory.slopes(1e9)
  const { sessions, failed } = await openAndClose(chain, SESSIONS * long, memory)
  const perSession = memory.slopes(1)
  return {
    'live/GB': perGb.live.slope / 1000,
    'live/GB error': perGb.live.error / 1000,
    'resident/GB': perGb.resident.slope / 1000,
    carried: bytes / 1e9,
    'live/session': perSession.live.slope,
    'live/session error': perSession.live.error,
    'resident/session': perSession.resident.slope,
    sessions,
    failed,
    ...perRole('peak', (role) => memory.peakMb[role]),
  }
}

async function carry({ to }: Path, bytes: number, memory: Memory): Promise<number> {
  const request: BulkRequest = {
    direction: 'down',
    streams: 1,
    at: to.source,
    warmMs: 1000,
    seconds: 0,
    bytes,
    progressBytes: bytes / LOOKS,
  }
  await using load = Generator.load('bulk', request, LIMIT_MS)
  for (;;) {
    const line = await load.json<BulkLine>()
    if (line.at === 'progress') await memory.look(line.bytes)
    if (line.at === 'done') return line.bytes
  }
}

/** In runs of a generator, each as long as one look is from the next. */
async function openAndClose(
  { to }: Path,
  wanted: number,
  memory: Memory,
): Promise<{ sessions: number; failed: number }> {
  let [sessions, failed, seconds] = [0, 0, 0.5]
  while (sessions < wanted) {
    const request: SessionsRequest = { at: to.echo, concurrency: CONCURRENCY, warmMs: 0, seconds }
    await using load = Generator.load('sessions', request, Math.ceil(seconds + 30) * 1000)
    const done = await load.json<Sessions>()
    if (done.count === 0) throw new Error(`no session came through after ${sessions}, ${done.failed} failed`)
    sessions += done.total
    failed += done.failed
    await memory.look(sessions)
    seconds = Math.max(0.5, wanted / LOOKS / done.perSecond)
  }
  return { sessions, failed }
}

interface Point {
  readonly atMs: number
  /** Bytes or sessions that have passed. */
  readonly passed: number
  readonly liveBytes: number
  readonly residentBytes: number
}

class Memory {
  readonly peakMb: Record<string, number> = {}
  readonly #path: Path
  readonly #looksDir: string
  #points: Point[] = []

  constructor(path: Path, looksDir: string) {
    this.#path = path
    this.#looksDir = looksDir
  }

  async look(passed: number): Promise<void> {
    const found = Object.entries(await look(this.#path, this.#looksDir))
    for (const [role, { residentBytes }] of found)
      this.peakMb[role] = Math.max(this.peakMb[role] ?? 0, residentBytes / 1e6)
    const sum = (key: 'liveBytes' | 'residentBytes') =>
      found.reduce((total, [, each]) => total + each[key], 0)
    const [liveBytes, residentBytes] = [sum('liveBytes'), sum('residentBytes')]
    this.#points.push({ atMs: performance.now(), passed, liveBytes, residentBytes })
  }

  /** Of the looks since the last call, in bytes for each `unit` that passed. */
  slopes(unit: number): Record<'live' | 'resident', { slope: number; error: number }> {
    const points = this.#points
    this.#points = []
    const [firstMs, lastMs] = [points[0]!.atMs, points.at(-1)!.atMs]
    const fromMs = firstMs + Math.min(PLATEAU_MS, (lastMs - firstMs) / 5)
    const settled = points.filter(({ atMs }) => atMs >= fromMs)
    const of = (key: 'liveBytes' | 'residentBytes') =>
      fit(settled.map((point) => [point.passed / unit, point[key]] as const))
    return { live: of('liveBytes'), resident: of('residentBytes') }
  }
}
