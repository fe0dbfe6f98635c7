import net from 'node:net'
import path from 'node:path'
import { Fault } from '../../base/faults.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import type { ControlAnswer, ControlCall } from '../entry/control-line.ts'
import { CONTROL_SOCKET, readValue, writeValue } from '../entry/value-line.ts'

/** A daemon that answered; the socket is paused after its line and belongs to the caller. */
export interface DaemonCall {
  readonly answer: ControlAnswer
  readonly socket: net.Socket
}

/**
 * Asks the client daemon of `stateDir`.
 *
 * @param signal Gives up while the daemon has not answered: an application may let it wait.
 * @returns `undefined` if none runs.
 * @throws {Fault} LOCAL_REQUEST_REFUSED if what answers is not one; DAEMON_DOWN if it says nothing.
 */
export async function openDaemon(
  stateDir: string,
  call: ControlCall,
  signal?: AbortSignal,
): Promise<DaemonCall | undefined> {
  const socket = net.connect({ path: path.join(stateDir, CONTROL_SOCKET), allowHalfOpen: true })
  const connected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false)) // ENOENT, ECONNREFUSED: nobody is there
  })
  if (!connected) return undefined
  socket.on('error', ignoreError)
  socket.pause()
  socket.write(writeValue(call))
  const giveUp = () => socket.destroy()
  signal?.addEventListener('abort', giveUp, { once: true })
  if (signal?.aborted) giveUp()
  try {
    return { answer: await asAnswer(await readValue(socket)), socket }
  } catch (error) {
    socket.destroy()
    if (socket.bytesRead > 0 || signal?.aborted) throw error
    const detail = 'the client accepted the connection and closed it without sending a byte'
    throw new Fault('DAEMON_DOWN', `${detail}: it is stopping, or has no file descriptors left`, {
      cause: error,
      hop: 'client',
    })
  } finally {
    signal?.removeEventListener('abort', giveUp)
  }
}

/** A plain yes is known without the schemas. @throws {Fault} LOCAL_REQUEST_REFUSED. */
async function asAnswer(value: unknown): Promise<ControlAnswer> {
  if (isPlainYes(value)) return value
  const { controlAnswer, readAs } = await import('../entry/control-line.ts')
  return readAs(controlAnswer, value)
}

function isPlainYes(value: unknown): value is ControlAnswer {
  if (typeof value !== 'object' || value === null) return false
  const { ok, session, ...rest } = value as Record<string, unknown>
  const isRest = Object.keys(rest).length > 0
  return ok === true && (session === undefined || typeof session === 'string') && !isRest
}

/** As openDaemon, for a call whose answer is all there is. */
export async function callDaemon(
  stateDir: string,
  call: ControlCall,
  signal?: AbortSignal,
): Promise<ControlAnswer | undefined> {
  const called = await openDaemon(stateDir, call, signal)
  called?.socket.destroy()
  return called?.answer
}
