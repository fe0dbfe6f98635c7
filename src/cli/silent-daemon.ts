import { existsSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/faults.ts'
import { userName } from '../base/own-user.ts'
import { shortageFault } from '../base/shortage.ts'
import { askStatus } from '../base/status-socket.ts'
import { readDescriptors } from '../probe/load.ts'
import { unixSocketHolder } from '../probe/port-holder.ts'

/** As the kernel lets go of the last ones now and then, what is nearly all counts as all. */
const FULL = 0.95
const AGAIN_MS = 1000

/** The same of a client, with the command that helps. */
export async function silentClient(stateDir: string): Promise<Fault> {
  const fault = await silentDaemon([stateDir], 'client')
  if (fault.code !== 'DAEMON_DOWN' || fault.seen.pid !== undefined) return fault
  const isSignedIn = existsSync(path.join(stateDir, 'profile.json'))
  const detail = isSignedIn
    ? 'no client is running: backstitch client run'
    : 'no client is running and this device was never signed in: backstitch client login, then backstitch client run'
  return new Fault('DAEMON_DOWN', detail, { seen: fault.seen })
}

/**
 * Why no daemon answers on the status socket of one of `folders`: one that listens there and has no descriptor left
 * takes the connection and says nothing, as one that is stopped does, which is not the same as none; and one that
 * this user may not ask is not known to be down.
 */
export async function silentDaemon(folders: readonly string[], role?: 'client'): Promise<Fault> {
  const reasons: string[] = []
  for (const folder of folders) {
    const socket = path.join(folder, 'status.sock')
    const answer = await askStatus(socket, AGAIN_MS)
    if (answer.is === 'unasked') {
      const { errno } = answer
      const short = shortageFault(errno, `${socket} was not asked`, {
        hop: 'client',
        seen: { socket, errno },
      })
      if (short !== undefined) return short
      reasons.push(`${socket}: ${errno} for ${userName()}`)
      continue
    }
    const pid = unixSocketHolder(socket)
    if (pid === undefined) continue
    const found = await readDescriptors('/proc', pid)
    if (found !== undefined && found.open >= found.limit * FULL) {
      const detail = `process ${pid} is running but cannot answer: ${found.open} of ${found.limit} descriptors are open`
      return new Fault('FD_EXHAUSTED', detail, { hop: role, seen: { socket, ...found } })
    }
    const why = answer.is === 'silent' ? `: ${answer.why}` : ''
    return new Fault('DAEMON_DOWN', `process ${pid} listens on ${socket} but does not answer${why}`, {
      seen: { socket, pid },
    })
  }
  if (reasons.length > 0) {
    return new Fault('DAEMON_UNASKED', reasons.join('; '), { seen: { looked: folders } })
  }
  return new Fault('DAEMON_DOWN', 'no daemon answers on its status socket', { seen: { looked: folders } })
}
