/**
 * New sessions per second: connect, one byte there and back, close.
 *
 * @module
 */

import { costMetrics, costSample, startMeter } from '../cost.ts'
import { Generator } from '../generator.ts'
import type { Sessions, SessionsRequest } from '../load/sessions.ts'
import { type Sample, type Subject, type Workload, warmMs } from '../workload.ts'

export const sessionsAlone = sessions('sessions-1', 'new sessions, one at a time', 1)
export const sessionsMany = sessions('sessions-32', 'new sessions, 32 at a time', 32)

function sessions(name: string, title: string, concurrency: number): Workload {
  return {
    name,
    title,
    metrics: [
      { name: 'sessions', unit: '1/s', better: 'higher', digits: 0 },
      { name: 'p50', unit: 'ms', better: 'lower', digits: 2 },
      { name: 'p99', unit: 'ms', better: 'lower', digits: 2 },
      { name: 'failed', unit: '', better: 'lower', digits: 0 },
      ...costMetrics('ms', 3),
    ],
    measure: (subject) => measure(subject, concurrency),
  }
}

async function measure({ path, seconds }: Subject, concurrency: number): Promise<Sample> {
  const request: SessionsRequest = { at: path.to.echo, concurrency, warmMs: warmMs(seconds), seconds }
  const used = startMeter(path)
  await using load = Generator.load('sessions', request, (seconds + 20) * 1000)
  const { count, total, perSecond, p50Us, p99Us, failed } = await load.json<Sessions>()
  const cost = used()
  if (count <= failed) throw new Error(`${count} sessions came through, ${failed} failed`)
  return {
    sessions: perSecond,
    p50: p50Us / 1000,
    p99: p99Us / 1000,
    failed,
    ...costSample(cost, total / 1000),
  }
}
