import type { Readable, Writable } from 'node:stream'
import { StdioStream } from './stdio-stream.ts'

/** What `client connect` joins, and how. */
export interface StdioEnds {
  readonly host: string
  readonly port: number
  /** Of the client that may run. */
  readonly stateDir: string
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly signal: AbortSignal
  /** After which it is said that nothing was answered. */
  readonly silentMs?: number
}

const SILENT_MS = 5000

/** Standard input and output; where what was asked is not answered, standard error says so once. */
export function joined({ stdin, stdout, stderr, host, port, silentMs = SILENT_MS }: StdioEnds): StdioStream {
  const stdio = new StdioStream(stdin, stdout)
  const timer = setTimeout(() => {
    if (!stdio.asked || stdio.answered) return
    void import('./stdio-words.ts').then(({ inBriefUnanswered }) =>
      stderr.write(inBriefUnanswered({ host, port }, silentMs)),
    )
  }, silentMs).unref()
  stdio.once('close', () => clearTimeout(timer))
  return stdio
}
