import type net from 'node:net'
import { pipeline } from 'node:stream/promises'
import { asFault, Fault } from '../../base/faults.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import { outliveWrites } from '../../mux/outlive-writes.ts'
import { destination } from '../address/destination.ts'
import { callDaemon, openDaemon } from './control-call.ts'
import { afterLastInput } from './last-input.ts'
import { joined, type StdioEnds } from './stdio-ends.ts'

/**
 * `client connect` through the running client. Nothing here loads more than that takes: ssh waits for it.
 *
 * @returns As runStdio; undefined where no client runs.
 */
export async function throughRunning(given: StdioEnds): Promise<number | undefined> {
  const { host, port, stateDir, stdin, stderr } = given
  const ends = { ...given, signal: afterLastInput(stdin, given.signal) }
  let runs = true
  try {
    const to = destination(host, port, 'tcp')
    const named = to.absolute ? `${to.host}.` : to.host
    const daemon = await openDaemon(stateDir, { op: 'connect', host: named, port }, ends.signal)
    runs = daemon !== undefined
    if (daemon === undefined) return undefined
    if (!daemon.answer.ok) {
      daemon.socket.destroy()
      throw faultFromMessage(daemon.answer.fault)
    }
    for (const note of daemon.answer.notes ?? []) {
      const { inBrief } = await import('./stdio-words.ts')
      stderr.write(inBrief(faultFromMessage(note), { host, port }))
    }
    await carry(daemon.socket, daemon.answer.session!, ends)
    return 0
  } catch (error) {
    if (!ends.signal.aborted) {
      const { inWords } = await import('./stdio-words.ts')
      stderr.write(await inWords(asFault(error), { host, port }, stateDir))
    }
    return 1
  } finally {
    if (runs) stdin.destroy() // an open stdin would keep the process
  }
}

/**
 * One session of the running client. A Unix socket ends in one way only, whatever happened. So the client is told that
 * the input is over before the connection ends, and is asked how the session ended once nothing more comes from it.
 */
async function carry(socket: net.Socket, session: string, ends: StdioEnds): Promise<void> {
  const { stateDir, signal } = ends
  const stdio = joined(ends)
  outliveWrites(socket, () => {}) // what the client said before it closed is still read
  const up = async () => {
    await pipeline(stdio, socket, { signal, end: false })
    if ((await callDaemon(stateDir, { op: 'input-over', session }))?.ok) socket.end()
    else socket.destroy()
  }
  up().catch(() => socket.destroy()) // why it broke, the client knows better
  const broke = await pipeline(socket, stdio, { signal }).then(() => undefined, asFault)
  try {
    // With the signal: a session that hangs at the application is told to have ended long after nobody waits for it.
    const answer = await callDaemon(stateDir, { op: 'ended', session }, signal).catch(stopped)
    if (answer === undefined) stopped()
    if (!answer.ok) throw faultFromMessage(answer.fault)
    if (broke !== undefined) throw broke
  } finally {
    stdio.destroy()
    socket.destroy()
  }
}

function stopped(cause?: unknown): never {
  throw new Fault('CLIENT_STOPPED', 'the client that carried the session has stopped', { cause })
}
