import path from 'node:path'
import { rfc3339 } from '../base/clock.ts'
import { StateDir } from '../base/state-dir.ts'
import { readStatus } from '../base/status-socket.ts'
import { readOutages } from '../link/outages.ts'
import { unixSocketHolder } from '../probe/port-holder.ts'
import { lookAtUnit } from '../probe/unit.ts'
import { unitOf } from './checks/words.ts'
import type { DaemonFacts, Patient } from './facts.ts'

const STATUS_MS = 2000

interface StatusDocument {
  readonly pid?: number
  readonly version?: string
  readonly state?: string
  readonly fault?: DaemonFacts['fault']
  readonly notes?: DaemonFacts['notes']
  readonly edges?: DaemonFacts['edges']
}

/** What the daemon says of itself; where it says nothing, what is known of it all the same. */
export async function askDaemon({ role, stateDir }: Patient, signal: AbortSignal): Promise<DaemonFacts> {
  const socket = path.join(stateDir, 'status.sock')
  const status = (await readStatus(socket, STATUS_MS)) as StatusDocument | undefined
  if (status === undefined) {
    const { current } = await readOutages(StateDir.at(stateDir))
    const lastOutage = current && `${current.hop} ${current.code} since ${rfc3339(current.sinceMs)}`
    const lastFault = current && { code: current.code, detail: current.detail }
    const pid = unixSocketHolder(socket)
    const unit = await lookAtUnit(unitOf(role), signal)
    return { socket, answers: false, pid, unit, lastOutage, lastFault }
  }
  const { pid, version, state, fault, notes, edges } = status
  return { socket, answers: true, pid, version, state, fault, notes, edges }
}
