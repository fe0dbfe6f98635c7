import { closeSync } from 'node:fs'
import { type Duplex, duplexPair, type Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { unlessAborted } from '../base/deadline.ts'
import { asFault, Fault } from '../base/faults.ts'
import { faultFromMessage } from '../link/fault-message.ts'
import type { Client } from './client.ts'
import { openDaemon } from './control-call.ts'
import { type Destination, destination } from './destination.ts'
import { denialOf } from './fault-replies.ts'
import type { ClientOptions } from './options.ts'
import { withOwnClient } from './own-client.ts'
import type { Session } from './session.ts'

export interface StdioOptions {
  readonly host: string
  readonly port: number
  readonly client: ClientOptions
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly signal: AbortSignal
}

/**
 * `client connect HOST PORT`: stdin and stdout become one session, as ssh wants of a ProxyCommand. It goes through
 * the warm tunnels of the running client, else through a client of its own. Each direction ends by itself.
 *
 * @returns The exit code: 0 for a session that ended in good order, 1 after one line on stderr that names code and hop.
 */
export async function runStdio(options: StdioOptions): Promise<number> {
  const { host, port, client, stderr, signal } = options
  try {
    const to = destination(host, port, 'tcp')
    const { host: canonical } = to
    const daemon = await openDaemon(client.stateDir, { op: 'connect', host: canonical, port })
    if (daemon === undefined) await withOwnClient(client, signal, (own) => connect(own, to, options))
    else if (!daemon.answer.ok) {
      daemon.socket.destroy()
      throw faultFromMessage(daemon.answer.fault)
    } else await join(daemon.socket, options)
    return 0
  } catch (error) {
    if (signal.aborted) return 0
    stderr.write(`${oneLine(asFault(error), `${host}:${port}`)}\n`)
    return 1
  } finally {
    options.stdin.destroy() // an open stdin would keep the process
  }
}

/** One session of a client of our own, with a pair of streams between it and stdio. */
async function connect(client: Client, to: Destination, options: StdioOptions): Promise<void> {
  const [ours, theirs] = duplexPair()
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // awaited below, if the session comes about
  const opened = Promise.withResolvers<Session>()
  const session = client.opener.open(
    to,
    'stdio',
    {
      opened: (ready) => {
        ready.attach(theirs)
        opened.resolve(ready)
      },
      failed: opened.reject,
      closed: (_, { reason, detail }) => {
        if (reason === 'done') over.resolve()
        else over.reject(new Fault(reason, detail))
      },
    },
    client.opener.nowUs(),
  )
  const stop = () => session.abandon()
  options.signal.addEventListener('abort', stop, { once: true })
  try {
    await unlessAborted(opened.promise, options.signal)
    const joined = join(ours, options)
    await Promise.allSettled([joined, over.promise])
    await over.promise // says why; the streams say only that it broke
    await joined
  } finally {
    options.signal.removeEventListener('abort', stop)
  }
}

/** Copies both ways until both directions have ended, or `signal` aborts. */
async function join(session: Duplex, { stdin, stdout, signal }: StdioOptions): Promise<void> {
  const up = pipeline(stdin, session, { signal })
  const down = pipeline(session, stdout, { signal, end: stdout !== process.stdout }).then(() => {
    // process.stdout cannot be ended: closing the descriptor tells the reader that nothing more comes.
    if (stdout === process.stdout) closeSync(1)
  })
  try {
    await Promise.all([up, down])
  } catch (cause) {
    throw new Fault('TUNNEL_LOST', 'the session was cut; the log of the client says by whom', { cause })
  }
}

function oneLine(fault: Fault, to: string): string {
  const id = denialOf(fault)
  const ask = id === undefined ? '' : ` [ask an admin about ${id}]`
  return `backstitch: ${to}: ${fault.code} (${fault.hop}): ${fault.detail}${ask}`.replaceAll(/\s+/g, ' ')
}
