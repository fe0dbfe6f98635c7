/** One line of a log or of what a tool printed, stripped of what journald and terminals put around it. */
export interface LogLine {
  /** 1-based, in the text as given. */
  readonly at: number
  readonly text: string
  /** The fields, where the line is one of our own. */
  readonly fields?: Readonly<Record<string, unknown>>
  /** Unix time, where the line says it; without a date, of an unknown day. */
  readonly timeMs?: number
}

const MAX_LINE = 4000
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
const ESCAPES = /\x1b\[[0-9;]*m/g
/** `May 30 09:12:04 host backstitch[2041]: ` */
const SYSLOG = /^[A-Z][a-z]{2}\s+\d{1,2} (\d{2}:\d{2}:\d{2}) \S+ [\w./@-]+(?:\[\d+\])?: /
const ISO = /\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?/
const CLOCK = /^\s*(\d{2}):(\d{2}):(\d{2})\b/

export function readLines(text: string): LogLine[] {
  return text.split('\n').flatMap((raw, i) => {
    const clean = raw.slice(0, MAX_LINE).replace(ESCAPES, '').trimEnd()
    if (clean.trim() === '') return []
    const syslog = SYSLOG.exec(clean)
    const body = syslog ? clean.slice(syslog[0].length) : clean
    const fields = jsonOf(body)
    return [{ at: i + 1, text: body.trim(), fields, timeMs: timeOf(fields, syslog?.[1] ?? body) }]
  })
}

function jsonOf(text: string): LogLine['fields'] {
  const start = text.indexOf('{')
  if (start === -1 || !text.endsWith('}')) return undefined
  try {
    const value: unknown = JSON.parse(text.slice(start))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

function timeOf(fields: LogLine['fields'], text: string): number | undefined {
  const stamp = typeof fields?.time === 'string' ? fields.time : ISO.exec(text)?.[0]
  const whole = stamp === undefined ? Number.NaN : Date.parse(stamp)
  if (!Number.isNaN(whole)) return whole
  const clock = CLOCK.exec(text)
  if (clock === null) return undefined
  return ((Number(clock[1]) * 60 + Number(clock[2])) * 60 + Number(clock[3])) * 1000
}
