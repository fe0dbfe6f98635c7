/** Processes that only carry: whoever kills them breaks sessions, while the daemon that started them is well. */

import { writeFileSync } from 'node:fs'
import { readStatus } from '../../src/base/status-socket.ts'
import { printed } from '../cures.ts'
import { until } from '../daemon.ts'
import { grouped, groupOf, JOB_MB, startJob, ungrouped } from '../memory-group.ts'
import type { Variant } from '../scenario.ts'
import { twoEdges } from '../two-edges.ts'

const ROUNDS = 3
/** A worker is started again at once, and waits longer each time. */
const AGAIN_MS = 20_000

interface Workers {
  readonly workers?: readonly { readonly pid?: number }[]
}

/** Of the daemon with this status socket, in any order; nothing while one of them is being started. */
async function pidsOf(file: string): Promise<number[] | undefined> {
  const status = (await readStatus(file)) as (Workers & { readonly stats?: Workers }) | undefined
  const { workers = [] } = status?.stats ?? status ?? {}
  const pids = workers.flatMap(({ pid }) => pid ?? [])
  return pids.length < workers.length || pids.length === 0 ? undefined : pids
}

/** All of them run. @param before None of them is one of these. */
async function workersOf(file: string, before: readonly number[] = []): Promise<readonly number[]> {
  let pids: number[] | undefined
  const areNew = async () => {
    pids = await pidsOf(file)
    return pids?.every((pid) => !before.includes(pid)) === true
  }
  await until(areNew, () => `the workers behind ${file} do not run`, AGAIN_MS)
  return pids!
}

const WATCHED = {
  code: 'WORKER_ENDED',
  remembered: true,
  noticeMs: 60_000,
} as const satisfies Partial<Variant>

export const edgeWorker: Variant = {
  ...WATCHED,
  name: 'edge-worker',
  does: 'a watchdog repeatedly kills the worker processes of the near edge, while users work',
  hints: [
    'sessions break, many at the same moment, and the next ones open',
    'both connectors stayed connected; which edge did the broken sessions use?',
    'backstitch get edges',
  ],
  hop: 'edge',
  cause: /was killed by the kernel, which does that when memory runs out, by a watchdog/,
  seen: [/edge worker \d exited: SIGKILL; \d+ ends of workers in 10 min/],
  examine: (lab) => lab.secondEdge.consult(),
  examinedOn: 'edge2',
  async inject(lab) {
    await twoEdges(lab)
    const file = `${lab.machines.edge2.dir}/state/status.sock`
    let pids = await workersOf(file)
    for (let round = 0; round < ROUNDS; round++) {
      const asked = lab.ask('/bytes/1000000')
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await asked // whatever becomes of it
      pids = await workersOf(file, pids)
    }
  },
  noticed: async (lab) => (await lab.describe('edge', 'near')).text.includes('WORKER_ENDED'),
  cure: async (_lab, finding) => void printed(finding, /^if not: turn off what kills it$/), // it is off
  async restore({ secondEdge }) {
    if (secondEdge.daemon === undefined) return
    await secondEdge.kill()
    secondEdge.run()
  },
}

export const connectorWorker: Variant = {
  ...WATCHED,
  name: 'connector-worker',
  does: 'a job takes the memory of the control group, and the kernel kills a worker of connector-a',
  hints: [
    'it is connected when you look, and has been for long',
    'sessions through it broke, many at the same moment',
    'dmesg | grep -i killed',
  ],
  hop: 'connector',
  cause: /^A worker of this connector has ended\. The kernel killed it: its control group/,
  seen: [
    /connector worker \d exited: SIGKILL; \d+ ends? of (a )?workers? in 10 min/,
    /Memory cgroup out of memory: Killed process \d+ /,
    /control group \S+-connector-a: \d+ MB of \d+ MB used/,
  ],
  async inject(lab) {
    const { a } = lab.connectors
    const file = `${a.stateDir}/status.sock`
    const group = await grouped(lab)
    const pids = await workersOf(file)
    for (const pid of pids) writeFileSync(`/proc/${pid}/oom_score_adj`, '1000') // the first to go
    // With what a program needs to begin with the job is over the limit; without a worker it is not.
    group.set({ memoryBytes: group.memoryUsedBytes + JOB_MB * 2 ** 20 })
    const job = startJob(lab)
    await job.until(async () => String(await pidsOf(file)) !== String(pids), 'have a worker killed', 20_000)
    await a.machine.stop(job, 'SIGKILL') // it has what it wanted
  },
  noticed: async (lab) =>
    (await lab.describe('connector', lab.connectors.a.id!)).text.includes('WORKER_ENDED'),
  async cure(lab, finding) {
    printed(finding, /^raise the memory limit of control group \S+-connector-a, over \d+ MB/)
    groupOf(lab).set({})
  },
  restore: ungrouped,
}
