/** Wall-clock windows in a named zone, by the zone rules that the runtime carries. */
import { Fault } from '../base/faults.ts'
import { memoize } from './memoize.ts'
import { type TimeWindow, WEEKDAYS, type Weekday } from './rule.ts'

const MINUTES_PER_DAY = 1440

export interface LocalTime {
  readonly day: Weekday
  /** Since local midnight, by the wall clock. */
  readonly minute: number
}

/** @throws {Fault} INVALID if the window cannot be read: a rule that is not understood must not decide. */
export function isWithinWindow(window: TimeWindow, nowMs: number): boolean {
  const { day, minute } = localTime(nowMs, window.zone)
  const from = readTime(window.from)
  const to = readTime(window.to)
  const today = window.days.includes(day)
  const yesterday = window.days.includes(WEEKDAYS[(WEEKDAYS.indexOf(day) + 6) % 7]!)
  if (from < to) return today && minute >= from && minute < to
  return (today && minute >= from) || (yesterday && minute < to)
}

/** @throws {Fault} INVALID if `zone` is not an IANA name. */
export function localTime(nowMs: number, zone: string): LocalTime {
  // Zones are whole minutes off UTC, so one answer serves all rules that are asked within a minute.
  const utcMinute = Math.floor(nowMs / 60_000)
  const latest = LATEST.get(zone)
  if (latest?.utcMinute === utcMinute) return latest.local
  const local = readLocalTime(nowMs, zone)
  if (LATEST.size >= MAX_ZONES) LATEST.clear()
  LATEST.set(zone, { utcMinute, local })
  return local
}

const LATEST = new Map<string, { readonly utcMinute: number; readonly local: LocalTime }>()

function readLocalTime(nowMs: number, zone: string): LocalTime {
  const parts = Object.fromEntries(
    formatFor(zone)
      .formatToParts(nowMs)
      .map(({ type, value }) => [type, value]),
  )
  return {
    day: parts.weekday!.toLowerCase() as Weekday,
    minute: Number(parts.hour) * 60 + Number(parts.minute),
  }
}

/** Minutes since midnight. @throws {Fault} INVALID if it is not HH:MM, at most 24:00. */
export function readTime(text: string): number {
  const parts = /^([0-9]{2}):([0-5][0-9])$/.exec(text)
  const minutes = parts ? Number(parts[1]) * 60 + Number(parts[2]) : Number.NaN
  if (!(minutes <= MINUTES_PER_DAY))
    throw new Fault('INVALID', `"${text.slice(0, 16)}" is not a time as HH:MM`)
  return minutes
}

/** True for an IANA name that the runtime carries. */
export function isTimeZone(text: string): boolean {
  try {
    formatFor(text)
    return true
  } catch {
    return false
  }
}

/** Making one costs a hundred times what using one does. The few that exist can be spelled in many ways. */
const MAX_ZONES = 1000

const formatFor = memoize((zone): Intl.DateTimeFormat => {
  // Offsets such as +02:00 are accepted by the runtime but know no summer time: not what a person means.
  if (!/^[A-Za-z]/.test(zone)) throw new Fault('INVALID', `"${zone.slice(0, 64)}" is not a time zone`)
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
  } catch (cause) {
    throw new Fault('INVALID', `"${zone.slice(0, 64)}" is not a time zone`, { cause })
  }
}, MAX_ZONES)
