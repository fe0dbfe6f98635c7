/**
 * connector-a in a control group of its own, and a job beside it that takes the memory of the group.
 *
 * @module
 */
import { Cgroup } from './cgroup.ts'
import type { Daemon } from './daemon.ts'
import type { Lab } from './lab.ts'
import { NODE } from './paths.ts'

/** Far more than a connector varies by. */
export const JOB_MB = 500
const HOLD = [
  NODE,
  '-e',
  `const held = []
  const more = () => held.push(Buffer.alloc(10 * 2 ** 20, 1)) * 10 < ${JOB_MB} ? setImmediate(more) : console.log('{}')
  more()
  setInterval(() => held, 1e6)`,
]

const groups = new WeakMap<Lab, Cgroup>()
const jobs = new WeakMap<Lab, Daemon>()

/** It has no limit yet. */
export async function grouped(lab: Lab, within: readonly string[] = []): Promise<Cgroup> {
  const { a } = lab.connectors
  const group = new Cgroup(a.machine.namespace, {})
  groups.set(lab, group)
  await a.stop()
  a.within = [...group.within, ...within]
  a.start()
  await a.healthy()
  return group
}

export function groupOf(lab: Lab): Cgroup {
  return groups.get(lab)!
}

/** Does not wait until it has all of it. */
export function startJob(lab: Lab): Daemon {
  const { machine } = lab.connectors.a
  const job = machine.start('backup', HOLD, { within: groupOf(lab).within })
  jobs.set(lab, job)
  return job
}

/** Without group and job. */
export async function ungrouped(lab: Lab): Promise<void> {
  const { a } = lab.connectors
  const job = jobs.get(lab)
  if (job !== undefined) await a.machine.stop(job, 'SIGKILL')
  await a.stop('SIGKILL')
  await groups.get(lab)?.[Symbol.asyncDispose]()
  a.within = []
  a.start()
}
