import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { readOutages } from '../agent/examination/outages.ts'
import { rfc3339 } from '../base/clock.ts'
import { StateDir } from '../base/state-dir.ts'
import { askStatus } from '../base/status-socket.ts'
import { lookForOomKill, type OomKill } from '../probe/oom-kill.ts'
import { unixSocketHolder } from '../probe/port-holder.ts'
import { lookAtUnit } from '../probe/unit.ts'
import { unitOf } from './checks/words.ts'
import type { DaemonFacts } from './facts.ts'
import type { Patient } from './patient.ts'

const STATUS_MS = 2000
/** Before anything else is looked at: of a daemon that hangs the rest is worth more. */
const NOTES_MS = 300

interface StatusDocument {
  readonly pid?: number
  readonly version?: string
  readonly state?: string
  readonly fault?: DaemonFacts['fault']
  readonly notes?: DaemonFacts['notes']
  readonly edges?: DaemonFacts['edges']
  readonly failing?: DaemonFacts['failing']
}

/** What the daemon says of itself; where it says nothing, what is known of it all the same. */
export async function askDaemon(
  { role, stateDir }: Patient,
  signal: AbortSignal,
  known: { oomKill?: OomKill } = {},
): Promise<DaemonFacts> {
  const socket = path.join(stateDir, 'status.sock')
  const answer = await askStatus(socket, STATUS_MS)
  if (answer.is === 'unasked') return { socket, answers: false, unasked: answer.errno }
  const status = answer.is === 'told' ? (answer.document as StatusDocument) : undefined
  if (status === undefined) {
    const silence = answer.is === 'silent' ? answer.why : undefined
    const { current, writtenMs } = await readOutages(StateDir.at(stateDir))
    const lastOutage = current && `${current.hop} ${current.code} since ${rfc3339(current.sinceMs)}`
    const { code, detail, verdict } = current ?? {}
    const fix = verdict?.code === code ? verdict?.fix : undefined
    const lastFault = code && { code, detail: detail ?? '', fix, writtenMs }
    const pid = unixSocketHolder(socket)
    const [asUnit, oomKill] = await Promise.all([
      lookAtUnit(unitOf(role), signal).then(
        (unit) => ({ unit }),
        (error: Error) => ({ unitUnseen: error.message }),
      ),
      known.oomKill ?? lookForKiller(stateDir, signal),
    ])
    return { socket, answers: false, silence, pid, ...asUnit, lastOutage, lastFault, oomKill }
  }
  const { pid, version, state, fault, notes, edges, failing } = status
  const oomKill = known.oomKill ?? (await lookForKillerOfWorker(notes, signal))
  return { socket, answers: true, pid, version, state, fault, notes, edges, failing, oomKill }
}

/** Whether the kernel ended, for memory, the last worker that has ended, for as long as the daemon notes it. */
async function lookForKillerOfWorker(
  notes: DaemonFacts['notes'] = [],
  signal: AbortSignal,
): Promise<OomKill | undefined> {
  const pid = notes.find(({ code }) => code === 'WORKER_ENDED')?.seen?.pid
  return pid === undefined ? undefined : lookForOomKill(pid, signal)
}

/** Whether the kernel ended the daemon that was here last, for memory; or a worker of the one that is here. */
export async function lookForKiller(stateDir: string, signal: AbortSignal): Promise<OomKill | undefined> {
  const { running } = await readOutages(StateDir.at(stateDir))
  if (running === undefined) return undefined
  if (!isAlive(running.pid)) return lookForOomKill(running.pid, signal)
  if (await isStopped(running.pid)) return undefined
  const answer = await askStatus(path.join(stateDir, 'status.sock'), NOTES_MS)
  if (answer.is !== 'told') return undefined
  return lookForKillerOfWorker((answer.document as StatusDocument).notes, signal)
}

/** By a signal: it answers nobody. */
async function isStopped(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')
  return /\) [Tt] /.test(stat)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
