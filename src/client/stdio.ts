import type { Readable, Writable } from 'node:stream'
import { Fault } from '../base/faults.ts'
import type { ClientOptions } from './options.ts'

export interface StdioOptions {
  readonly host: string
  readonly port: number
  readonly client: ClientOptions
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly signal: AbortSignal
}

/** `client connect HOST PORT`: stdin and stdout become one session. Resolves with the exit code. */
export async function runStdio(options: StdioOptions): Promise<number> {
  throw new Fault('INTERNAL', `not written yet: ${options.host}`)
}
