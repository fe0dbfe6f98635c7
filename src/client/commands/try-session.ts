/**
 * A session for the doctor of a device: the way that a program here takes, by the running client or one of its own.
 *
 * @module
 */
import { duplexPair } from 'node:stream'
import { unlessAborted } from '../../base/deadline.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import { type FirstWord, firstWord } from '../../probe/first-word.ts'
import { type Destination, destination } from '../address/destination.ts'
import type { ClientOptions } from '../options.ts'
import type { LookResult } from '../session/looks.ts'
import { callDaemon, openDaemon } from './control-call.ts'
import { withOwnClient } from './own-client.ts'

export interface TriedSession {
  /** Whose session it was: that of the client that runs here, or of one for this look alone. */
  readonly by: 'daemon' | 'doctor'
  readonly tookMs: number
  /** Why there was none. */
  readonly fault?: Fault
  /** What the application did with it before anybody asked for anything. */
  readonly said?: FirstWord
  /** What is known of the application, where a connection alone does not show it. */
  readonly notes?: readonly Fault[]
  /** What control saw, which looked from this device; absent where it could not be asked. */
  readonly looked?: LookResult
}

/** Of the ten seconds of an examination: what is known without it must not be late. */
const LOOK_MS = 7000

/** Never rejects, but with the reason of `signal`. */
export async function trySession(o: {
  readonly host: string
  readonly port: number
  readonly client: ClientOptions
  readonly signal: AbortSignal
}): Promise<TriedSession> {
  const startedAt = performance.now()
  const took = () => Math.round(performance.now() - startedAt)
  let by: TriedSession['by'] = 'daemon'
  try {
    const to = destination(o.host, o.port, 'tcp')
    const named = to.absolute ? `${to.host}.` : to.host
    const daemon = await openDaemon(
      o.client.stateDir,
      { op: 'connect', host: named, port: to.port, look: true },
      o.signal,
    )
    if (daemon !== undefined) {
      const tookMs = took()
      try {
        const { answer, socket } = daemon
        if (!answer.ok) return { by, tookMs, fault: faultFromMessage(answer.fault) }
        const [said, looked] = await Promise.all([firstWord(socket), lookOf(to, o)])
        const end = said.is === 'closed' ? await endOf(answer.session!, o) : undefined
        return { by, tookMs, said, fault: end, notes: answer.notes?.map(faultFromMessage), looked }
      } finally {
        daemon.socket.destroy()
      }
    }
    by = 'doctor'
    return await withOwnClient(o.client, o.signal, async ({ opener, looks }) => {
      const [ours, theirs] = duplexPair()
      ours.on('error', () => {}) // the session says why
      const opened = Promise.withResolvers<void>()
      opened.promise.catch(() => {})
      const session = opener.open(
        opener.lanes.choose(to, 'stdio'),
        {
          opened: (open) => {
            open.attach(theirs)
            opened.resolve()
          },
          failed: opened.reject,
        },
        opener.nowUs(),
      )
      try {
        await unlessAborted(opened.promise, o.signal)
        const tookMs = took()
        const limit = AbortSignal.any([o.signal, AbortSignal.timeout(LOOK_MS)])
        const [said, looked] = await Promise.all([
          firstWord(ours),
          looks.look(to, limit).catch(() => undefined),
        ])
        return { by, tookMs, said, notes: opener.notesOf(session), looked }
      } finally {
        session.abandon()
        ours.destroy()
      }
    })
  } catch (error) {
    o.signal.throwIfAborted()
    return { by, tookMs: took(), fault: asFault(error) }
  }
}

/** By the running client; one that is older knows no looks. */
async function lookOf(
  { host, port }: Destination,
  { client, signal }: { client: ClientOptions; signal: AbortSignal },
): Promise<LookResult | undefined> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOK_MS)])
  const answer = await callDaemon(client.stateDir, { op: 'look', host, port }, limit).catch(() => undefined)
  if (answer?.ok !== true) return undefined
  const [fault] = answer.notes ?? []
  return { well: answer.well ?? false, fault: fault && faultFromMessage(fault) }
}

/** A Unix socket ends in one way only: how the session did is asked for. */
async function endOf(
  session: string,
  { client, signal }: { client: ClientOptions; signal: AbortSignal },
): Promise<Fault | undefined> {
  const answer = await callDaemon(client.stateDir, { op: 'ended', session }, signal)
  return answer === undefined || answer.ok ? undefined : faultFromMessage(answer.fault)
}
