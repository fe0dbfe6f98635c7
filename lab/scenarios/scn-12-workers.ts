/** Processes that only carry: who kills them breaks sessions, and the daemon that started them goes on as if nothing were wrong. */

import { readStatus } from '../../src/base/status-socket.ts'
import { printed } from '../cures.ts'
import { until } from '../daemon.ts'
import type { Lab } from '../lab.ts'
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

/** What the memory killer does to the largest processes of a machine, while somebody uses the application. */
async function killAgain(lab: Lab, file: string): Promise<void> {
  const next = async (before: readonly number[]) => {
    let pids: number[] | undefined
    const areNew = async () => {
      pids = await pidsOf(file)
      return pids?.every((pid) => !before.includes(pid)) === true
    }
    await until(areNew, () => `the workers behind ${file} do not run`, AGAIN_MS)
    return pids!
  }
  let pids = await next([])
  for (let round = 0; round < ROUNDS; round++) {
    const asked = lab.ask('/bytes/1000000')
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await asked // whatever becomes of it
    pids = await next(pids)
  }
}

const KILLED = {
  code: 'WORKER_ENDED',
  cause: /was killed by the kernel, which does that when memory runs out/,
  remembered: true,
  noticeMs: 60_000,
  async cure(_lab, finding) {
    printed(finding, /^journalctl -k \| grep -i "killed process"$/)
    printed(finding, /^if it is listed there: raise the memory limit of backstitch-(edge|connector)/) // it is raised
  },
} as const satisfies Partial<Variant>

export const edgeWorker: Variant = {
  ...KILLED,
  name: 'edge-worker',
  does: 'the memory killer of the kernel repeatedly ends the worker processes of the near edge, while users work',
  hints: [
    'sessions break, many at the same moment, and the next ones open',
    'both connectors stayed connected; which edge did the broken sessions use?',
    'backstitch get edges',
  ],
  hop: 'edge',
  seen: [/edge worker \d exited: SIGKILL; \d+ ends of workers in 10 min/],
  examine: (lab) => lab.secondEdge.consult(),
  examinedOn: 'edge2',
  async inject(lab) {
    await twoEdges(lab)
    await killAgain(lab, `${lab.machines.edge2.dir}/state/status.sock`)
  },
  noticed: async (lab) => (await lab.describe('edge', 'near')).text.includes('WORKER_ENDED'),
  async restore({ secondEdge }) {
    if (secondEdge.daemon === undefined) return
    await secondEdge.kill()
    secondEdge.run()
  },
}

export const connectorWorker: Variant = {
  ...KILLED,
  name: 'connector-worker',
  does: 'the memory killer of the kernel repeatedly ends the worker processes of connector-a',
  hints: [
    'it is connected when you look, and has been for long',
    'sessions through it break, many at the same moment',
    'how long have its processes been running?',
  ],
  hop: 'connector',
  seen: [/connector worker \d exited: SIGKILL; \d+ ends of workers in 10 min/],
  inject: (lab) => killAgain(lab, `${lab.connectors.a.stateDir}/status.sock`),
  noticed: async (lab) =>
    (await lab.describe('connector', lab.connectors.a.id!)).text.includes('WORKER_ENDED'),
  restore: ({ connectors: { a } }) => a.refresh(),
}
