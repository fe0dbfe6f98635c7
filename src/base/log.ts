import { type Logger, pino } from 'pino'
import { visibleText } from './visible-text.ts'

/** A log line is an event name plus fields: `log.info({ event: 'pipe.joined', pipe }, 'text for people')`. */
export type Log = Logger

/** Names that must never reach a log, wherever they sit in the fields. */
const SECRET_FIELDS = ['password', 'secret', 'token', 'grant', 'ticket', 'key', 'authorization', 'proxyAuth']

/**
 * JSON lines on stderr, or wherever `destination` writes.
 *
 * @param role Stamped on every line: connector, client, edge, control.
 * @param level pino level; `BACKSTITCH_LOG_LEVEL` by default, else info.
 */
export function createLog(
  role: string,
  {
    level = process.env.BACKSTITCH_LOG_LEVEL ?? 'info',
    destination = pino.destination({ fd: 2, sync: true }) as { write(line: string): void },
  } = {},
): Log {
  return pino(
    {
      level,
      base: { role },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: visibleText },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: '[masked]' },
    },
    destination,
  )
}

/** A log that says nothing: for tests and for parts that were given none. */
export const silentLog: Log = pino({ level: 'silent' })
