import type net from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { askAdmin, denialOf } from '../../base/ask-admin.ts'
import { unlessAborted } from '../../base/deadline.ts'
import { wordsOf } from '../../base/fault-words.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { visibleLine } from '../../base/visible-text.ts'
import { faultFromMessage } from '../../link/control/fault-message.ts'
import { outliveWrites } from '../../mux/outlive-writes.ts'
import { type AskedDestination, askAbout } from '../address/ask-about.ts'
import { type Destination, destination } from '../address/destination.ts'
import type { Client } from '../client.ts'
import type { ClientOptions } from '../options.ts'
import { type ClientSession, faultOf } from '../session/client-session.ts'
import { callDaemon, openDaemon } from './control-call.ts'
import { afterLastInput } from './last-input.ts'
import { signedIn } from './signed-in.ts'
import { StdioStream } from './stdio-stream.ts'

export interface StdioOptions {
  readonly host: string
  readonly port: number
  readonly client: ClientOptions
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly signal: AbortSignal
  /** After which it is said that nothing was answered. */
  readonly silentMs?: number
}

/**
 * `client connect HOST PORT`: stdin and stdout become one session, as ssh wants of a ProxyCommand. It goes through
 * the warm tunnels of the running client, else through a client of its own. Each direction ends by itself.
 *
 * @returns The exit code: 0 for a session that ended in good order, with every byte; 1 after code and hop on stderr, with
 *   cause, fix and where more is said; without a word when `signal` ended it.
 */
export async function runStdio(given: StdioOptions): Promise<number> {
  const signal = afterLastInput(given.stdin, given.signal)
  const options = { ...given, signal }
  const { host, port, client, stderr } = options
  try {
    const to = destination(host, port, 'tcp')
    const named = to.absolute ? `${to.host}.` : to.host
    const daemon = await openDaemon(client.stateDir, { op: 'connect', host: named, port }, signal)
    if (daemon === undefined) {
      // Whoever has a daemon does not wait for what it is made of.
      const { withOwnClient } = await import('./own-client.ts')
      await withOwnClient(client, signal, (own) => connect(own, to, options))
    } else if (!daemon.answer.ok) {
      daemon.socket.destroy()
      throw faultFromMessage(daemon.answer.fault)
    } else {
      for (const note of daemon.answer.notes ?? [])
        stderr.write(inBrief(faultFromMessage(note), { host, port }))
      await throughDaemon(daemon.socket, daemon.answer.session!, options)
    }
    return 0
  } catch (error) {
    if (!signal.aborted)
      stderr.write(inWords(asFault(error), { host, port }, await signedIn(client.stateDir)))
    return 1
  } finally {
    options.stdin.destroy() // an open stdin would keep the process
  }
}

/** One session of a client of our own. */
async function connect(client: Client, to: Destination, options: StdioOptions): Promise<void> {
  const { signal } = options
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // awaited below, if the session comes about
  const opened = Promise.withResolvers<StdioStream>()
  const session: ClientSession = client.opener.open(
    client.opener.lanes.choose(to, 'stdio'),
    {
      opened: (ready) => {
        const stdio = joined(options)
        stdio.on('error', ignoreError) // how the session ended says more
        ready.attach(stdio)
        opened.resolve(stdio)
      },
      failed: opened.reject,
      closed: (_, end) => {
        const fault = faultOf(end)
        if (fault === undefined) over.resolve()
        else over.reject(fault)
      },
    },
    client.opener.nowUs(),
  )
  const stop = () => session.abandon()
  signal.addEventListener('abort', stop, { once: true })
  try {
    const stdio = await unlessAborted(opened.promise, signal)
    // What came before a break is still written; then the stream closes, in the same turn as it says that it broke.
    if (!stdio.closed) await new Promise<void>((closed) => stdio.once('close', closed))
    await over.promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/**
 * One session of the running client. A Unix socket ends in one way only, whatever happened. So the client is told that
 * the input is over before the connection ends, and is asked how the session ended once nothing more comes from it.
 */
async function throughDaemon(socket: net.Socket, session: string, options: StdioOptions): Promise<void> {
  const { client, signal } = options
  const stdio = joined(options)
  outliveWrites(socket, () => {}) // what the client said before it closed is still read
  const up = async () => {
    await pipeline(stdio, socket, { signal, end: false })
    if ((await callDaemon(client.stateDir, { op: 'input-over', session }))?.ok) socket.end()
    else socket.destroy()
  }
  up().catch(() => socket.destroy()) // why it broke, the client knows better
  const broke = await pipeline(socket, stdio, { signal }).then(() => undefined, asFault)
  try {
    // With the signal: a session that hangs at the application is told to have ended long after nobody waits for it.
    const answer = await callDaemon(client.stateDir, { op: 'ended', session }, signal).catch(stopped)
    if (answer === undefined) stopped()
    if (!answer.ok) throw faultFromMessage(answer.fault)
    if (broke !== undefined) throw broke
  } finally {
    stdio.destroy()
    socket.destroy()
  }
}

const SILENT_MS = 5000

/** Standard input and output; where what was asked is not answered, standard error says so once. */
function joined({ stdin, stdout, stderr, host, port, silentMs = SILENT_MS }: StdioOptions): StdioStream {
  const stdio = new StdioStream(stdin, stdout)
  const timer = setTimeout(() => {
    if (stdio.asked && !stdio.answered)
      stderr.write(inBrief(unanswered({ host, port }, silentMs), { host, port }))
  }, silentMs).unref()
  stdio.once('close', () => clearTimeout(timer))
  return stdio
}

function unanswered(to: AskedDestination, ms: number): Fault {
  const detail = `${hostPort(to)}: connected, but no answer in ${Math.round(ms / 1000)} s`
  return new Fault('APP_SILENT', detail)
}

/** While the session goes on: one line, and where more is said. */
function inBrief({ code, hop, detail }: Fault, to: AskedDestination): string {
  return `${visibleLine(`backstitch: ${code} (${hop}): ${detail}; more: ${askAbout(to)}`)}\n`
}

function stopped(cause?: unknown): never {
  throw new Fault('CLIENT_STOPPED', 'the client that carried the session has stopped', { cause })
}

/** The first line is for whoever searches logs for it; behind ssh nobody sees more of us than this. */
function inWords(fault: Fault, to: AskedDestination, user: string | undefined): string {
  const id = denialOf(fault)
  const denied = id === undefined ? '' : ` [ask an admin about ${id}]`
  const ask = askAdmin(fault, { user, to: hostPort(to) })
  const { cause, fix } = wordsOf(fault, { APP: to.host, PORT: to.port })
  return [
    `backstitch: ${hostPort(to)}: ${fault.code} (${fault.hop}): ${fault.detail}${denied}`,
    `  cause  ${cause}`,
    `  fix    ${fix}`,
    ...(ask === undefined ? [] : [`  ask    an admin: ${ask}`]),
    `  more   ${askAbout(to)}`,
  ]
    .map((line) => `${visibleLine(line.replaceAll(/[\t\r\n]+/g, ' '))}\n`)
    .join('')
}
