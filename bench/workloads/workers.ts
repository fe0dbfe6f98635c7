/**
 * What four times as many workers carry, each of them in an equal small share of a core: what a machine with more cores
 * gains, seen on a small one. Not four against one: that one is the main process, and what it does for each agent, with
 * nothing carried, takes most of such a share.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { Generator } from '../generator.ts'
import type { BulkLine, BulkRequest } from '../load/bulk.ts'
import type { Sessions, SessionsRequest } from '../load/sessions.ts'
import { Crowd, hasWorkers, lackingShares, WORKER_ROLES, type WorkerRole } from '../workers/crowd.ts'
import { type Metric, type Sample, type Subject, Unmeasurable, type Workload } from '../workload.ts'
import { requestsPerSecond } from './http.ts'

const MANY = 8
const FEW = 2
const CLIENTS = 4
/** The tunnels of a client go to workers in turn, from one drawn by lot: more clients, until nobody has nothing to do. */
const MOST_CLIENTS = 10
/** Of all clients together: as many as a worker serves in the time between two of its turns. */
const CONNECTIONS = 1024
const SESSIONS_AT_ONCE = 512
const STREAMS = 32
const WARM_MS = 1000
/** Without shares, until code is compiled. */
const WARM_SECONDS = 2
const LIMIT_MS = 60_000

const LOADS = ['bulk', 'requests', 'sessions'] as const
type Load = (typeof LOADS)[number]

const UNITS = { bulk: 'MB/s', requests: '1/s', sessions: '1/s' } satisfies Record<Load, string>

const FIGURES: readonly Metric[] = WORKER_ROLES.flatMap((role) => [
  ...LOADS.map((load): Metric => ({ name: `${role} ${load}`, unit: '×', better: 'higher', digits: 2 })),
  ...LOADS.map(
    (load): Metric => ({ name: `${role} ${load} of few`, unit: UNITS[load], better: 'higher', digits: 0 }),
  ),
  { name: `${role} clients`, unit: '', better: 'lower', digits: 0 },
])

const shares = await lackingShares()

export const workers: Workload = {
  name: 'workers',
  title: `${MANY} workers ÷ ${FEW}, each in an equal share of a core (edge 2 %, connector 5 %)`,
  metrics: FIGURES,
  onlyFor: ({ name }) => name === 'backstitch',
  maxRounds: 3,
  lacking: () => (WORKER_ROLES.some(hasWorkers) ? shares : 'this version has no workers'),
  measure,
}

async function measure(subject: Subject): Promise<Sample> {
  const sample: Record<string, number> = {}
  for (const role of WORKER_ROLES.filter(hasWorkers)) {
    const many = await carried(subject, role, MANY, CLIENTS)
    const few = await carried(subject, role, FEW, many.clients)
    for (const load of LOADS) {
      sample[`${role} ${load}`] = many[load] / few[load]
      sample[`${role} ${load} of few`] = few[load]
    }
    sample[`${role} clients`] = many.clients
  }
  return sample
}

type Carried = Record<Load, number> & { clients: number }

async function carried(
  { site, seconds }: Subject,
  role: WorkerRole,
  workers: number,
  clients: number,
): Promise<Carried> {
  const dir = path.join(site.dir, `${role}-${workers}`)
  mkdirSync(dir, { mode: 0o700 })
  await using crowd = await Crowd.start({ ...site, dir }, role, workers)
  for (let each = 0; each < clients; each++) await crowd.addClient()
  for (;;) {
    const busy = crowd.watch()
    await bulkOf(crowd, WARM_SECONDS)
    if (busy() === workers || crowd.entrances.length >= MOST_CLIENTS) break
    await crowd.addClient()
  }
  await requestsOf(crowd, WARM_SECONDS)
  await sessionsOf(crowd, WARM_SECONDS)
  crowd.limit()
  const bulk = await bulkOf(crowd, seconds)
  const requests = await requestsOf(crowd, seconds)
  const sessions = await sessionsOf(crowd, seconds)
  if (Math.min(bulk, requests, sessions) === 0) {
    throw new Unmeasurable(
      `Cannot measure ${workers} workers of the ${role}: nothing comes through in their shares`,
    )
  }
  return { bulk, requests, sessions, clients: crowd.entrances.length }
}

/** Megabytes a second through all clients. */
async function bulkOf({ entrances }: Crowd, seconds: number): Promise<number> {
  const streams = Math.ceil(STREAMS / entrances.length)
  const shared = { direction: 'down', streams, warmMs: WARM_MS, seconds } as const
  return total(entrances, async ({ source }) => {
    const request: BulkRequest = { ...shared, at: source }
    await using load = Generator.load('bulk', request, LIMIT_MS)
    await load.json<BulkLine>()
    const done = await load.json<BulkLine>()
    return done.at === 'done' ? done.bytes / 1e6 / done.seconds : 0
  })
}

function requestsOf({ entrances }: Crowd, seconds: number): Promise<number> {
  const connections = Math.ceil(CONNECTIONS / entrances.length)
  return total(entrances, ({ http }) => requestsPerSecond(http, connections, seconds))
}

async function sessionsOf({ entrances }: Crowd, seconds: number): Promise<number> {
  const concurrency = Math.ceil(SESSIONS_AT_ONCE / entrances.length)
  return total(entrances, async ({ echo }) => {
    const request: SessionsRequest = { at: echo, concurrency, warmMs: WARM_MS, seconds }
    await using load = Generator.load('sessions', request, LIMIT_MS)
    return (await load.json<Sessions>()).perSecond
  })
}

async function total<T>(all: readonly T[], rate: (one: T) => Promise<number>): Promise<number> {
  const each = await Promise.all(all.map(rate))
  return each.reduce((sum, one) => sum + one, 0)
}
