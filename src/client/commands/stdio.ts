import { unlessAborted } from '../../base/deadline.ts'
import { asFault } from '../../base/faults.ts'
import { ignoreError } from '../../base/ignore-error.ts'
import { type Destination, destination } from '../address/destination.ts'
import type { Client } from '../client.ts'
import type { ClientOptions } from '../options.ts'
import { type ClientSession, faultOf } from '../session/client-session.ts'
import { afterLastInput } from './last-input.ts'
import { throughRunning } from './stdio-daemon.ts'
import { joined, type StdioEnds } from './stdio-ends.ts'
import type { StdioStream } from './stdio-stream.ts'
import { inWords } from './stdio-words.ts'

export interface StdioOptions extends Omit<StdioEnds, 'stateDir'> {
  readonly client: ClientOptions
}

/**
 * `client connect HOST PORT`: stdin and stdout become one session, as ssh wants of a ProxyCommand. It goes through
 * the warm tunnels of the running client, else through a client of its own. Each direction ends by itself.
 *
 * @returns The exit code: 0 for a session that ended in good order, with every byte; 1 after code and hop on stderr, with
 *   cause, fix and where more is said; without a word when `signal` ended it.
 */
export async function runStdio({ client, ...given }: StdioOptions): Promise<number> {
  const { host, port, stdin, stderr } = given
  const { stateDir } = client
  const code = await throughRunning({ ...given, stateDir })
  if (code !== undefined) return code
  const signal = afterLastInput(stdin, given.signal)
  try {
    const to = destination(host, port, 'tcp')
    // Whoever has a daemon does not wait for what it is made of.
    const { withOwnClient } = await import('./own-client.ts')
    await withOwnClient(client, signal, (own) => connect(own, to, { ...given, stateDir, signal }))
    return 0
  } catch (error) {
    if (!signal.aborted) stderr.write(await inWords(asFault(error), { host, port }, stateDir))
    return 1
  } finally {
    stdin.destroy() // an open stdin would keep the process
  }
}

/** One session of a client of our own. */
async function connect(client: Client, to: Destination, ends: StdioEnds): Promise<void> {
  const { signal } = ends
  const over = Promise.withResolvers<void>()
  over.promise.catch(() => {}) // awaited below, if the session comes about
  const opened = Promise.withResolvers<StdioStream>()
  const session: ClientSession = client.opener.open(
    client.opener.lanes.choose(to, 'stdio'),
    {
      opened: (ready) => {
        const stdio = joined(ends)
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
