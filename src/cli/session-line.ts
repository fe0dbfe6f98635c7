import type { SessionResource } from '../api/sessions.ts'
import { hostPort } from '../base/host-port.ts'
import { inLine, stateText } from './terminal.ts'

/** One session on one line: when, who, where to, how it went. */
export function sessionLine(session: SessionResource): string {
  const { id, startedAt, names, user, host, port, state, closeReason, closeHop, bytesUp, bytesDown } = session
  const end = state === 'open' ? 'open' : (closeReason ?? 'closed')
  const total = session.times.totalUs
  return [
    startedAt,
    id,
    inLine(`${names.user ?? user ?? '?'} -> ${hostPort({ host, port })}`),
    stateText(end) + (closeHop !== undefined && end !== 'done' ? ` (${closeHop})` : ''),
    ...(total === undefined ? [] : [`set up in ${milliseconds(total)}`]),
    `${bytesText(bytesUp)} up, ${bytesText(bytesDown)} down`,
  ].join('  ')
}

/** `0.42 ms`, `13 ms` of microseconds. */
export function milliseconds(us: number): string {
  const ms = us / 1000
  return `${ms < 1 ? ms.toFixed(2) : ms < 10 ? ms.toFixed(1) : ms.toFixed(0)} ms`
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** Decimal units, three digits: `512 B`, `1.53 MB`. */
export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${UNITS[unit]}`
}
