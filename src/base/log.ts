import { type Logger, pino } from 'pino'
import { rfc3339 } from './clock.ts'
import { LineShares } from './line-shares.ts'
import { SheddingWriter } from './shedding-writer.ts'
import { visibleText } from './visible-text.ts'

/** A log line is an event name plus fields: `log.info({ event: 'pipe.joined', pipe }, 'text for people')`. */
export type Log = Logger

/** Names that must never reach a log, wherever they sit in the fields. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'grant', 'ticket', 'key', 'authorization', 'proxyAuth']

/**
 * JSON lines on stderr, or wherever `destination` writes. Nobody who reads, or does not read them, can stop or end
 * the process; lines that there was no room for are counted, and the count is a line.
 *
 * @param role Stamped on every line: connector, client, edge, control.
 * @param level pino level; `BACKSTITCH_LOG_LEVEL` by default, else info.
 */
export function createLog(
  role: string,
  {
    level = process.env.BACKSTITCH_LOG_LEVEL ?? 'info',
    destination = onStderr(role),
  }: { level?: string; destination?: { write(line: string): void } } = {},
): Log {
  return pino(
    {
      level,
      base: { role },
      timestamp: () => `,"time":"${rfc3339(Date.now())}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: visibleText, logMethod: new LineShares().logMethod },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    },
    destination,
  )
}

function onStderr(role: string): SheddingWriter {
  const notice = (lines: number) =>
    `${JSON.stringify({
      level: 'warn',
      time: rfc3339(Date.now()),
      role,
      event: 'log.shed',
      lines,
      msg: `${lines} lines of this log were lost: the reader was too slow, or the disk was full`,
    })}\n`
  return new SheddingWriter(2, { notice })
}

/** A log that says nothing: for tests and for parts that were given none. */
export const silentLog: Log = pino({ level: 'silent' })
