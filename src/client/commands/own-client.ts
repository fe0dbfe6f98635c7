import { StopReason } from '../../agent/link/stop-reason.ts'
import { Client } from '../client.ts'
import type { ClientOptions } from '../options.ts'

/**
 * Runs a client for one command, with nothing that listens for others, for as long as `work` takes.
 *
 * @throws {Fault} what serve or `work` fails with.
 */
export async function withOwnClient<T>(
  options: ClientOptions,
  signal: AbortSignal,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const done = new AbortController()
  const client = new Client({
    ...options,
    listen: undefined,
    listenFile: undefined,
    forwards: [],
    sockets: false,
  })
  const serving = client.serve(AbortSignal.any([signal, done.signal]))
  serving.catch(() => {}) // seen through `listening` or below
  try {
    await client.listening
    return await work(client)
  } finally {
    done.abort(new StopReason({ why: 'done' }))
    await serving
  }
}
