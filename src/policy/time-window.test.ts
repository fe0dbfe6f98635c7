import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TimeWindow } from './rule.ts'
import { isWithinWindow, localTime } from './time-window.ts'

const office: TimeWindow = {
  days: ['mon', 'tue', 'wed', 'thu', 'fri'],
  from: '09:00',
  to: '17:00',
  zone: 'Europe/Berlin',
}
const night: TimeWindow = { days: ['mon'], from: '22:00', to: '06:00', zone: 'UTC' }
const whole: TimeWindow = { days: ['mon'], from: '00:00', to: '24:00', zone: 'UTC' }
const shift: TimeWindow = { days: ['mon'], from: '08:00', to: '08:00', zone: 'UTC' }

const CASES: [name: string, window: TimeWindow, at: string, within: boolean][] = [
  ['from is included (winter, UTC+1)', office, '2026-11-20T08:00:00Z', true],
  ['a second before', office, '2026-11-20T07:59:59Z', false],
  ['to is excluded', office, '2026-11-20T16:00:00Z', false],
  ['the last second', office, '2026-11-20T15:59:59Z', true],
  ['summer time moves it (UTC+2)', office, '2026-07-17T07:00:00Z', true],
  ['summer time moves it (UTC+2), end', office, '2026-07-17T15:00:00Z', false],
  ['Saturday', office, '2026-11-21T10:00:00Z', false],
  ['over midnight: the evening', night, '2026-11-16T23:00:00Z', true],
  ['over midnight: the morning after belongs to Monday', night, '2026-11-17T05:59:00Z', true],
  ['over midnight: its end', night, '2026-11-17T06:00:00Z', false],
  ['over midnight: the morning of Monday belongs to Sunday', night, '2026-11-16T05:00:00Z', false],
  ['over midnight: the evening of Tuesday', night, '2026-11-17T23:00:00Z', false],
  ['24:00 is the end of the day', whole, '2026-11-16T23:59:59Z', true],
  ['24:00 is not the next day', whole, '2026-11-17T00:00:00Z', false],
  ['equal times are 24 hours', shift, '2026-11-16T08:00:00Z', true],
  ['equal times are 24 hours, into the next day', shift, '2026-11-17T07:59:00Z', true],
  ['equal times are 24 hours, no more', shift, '2026-11-17T08:00:00Z', false],
]
for (const [name, window, at, within] of CASES) {
  test(`time: ${name}`, () => assert.equal(isWithinWindow(window, Date.parse(at)), within))
}

test('the day is the day of the zone', () => {
  const at = Date.parse('2026-11-20T23:30:00Z')
  assert.deepEqual(localTime(at, 'Asia/Tokyo'), { day: 'sat', minute: 510 })
  assert.deepEqual(localTime(at, 'America/New_York'), { day: 'fri', minute: 1110 })
  assert.deepEqual(localTime(Date.parse('2026-11-20T00:00:00Z'), 'UTC'), { day: 'fri', minute: 0 })
})

for (const wrong of [
  { zone: 'Europe/Atlantis' },
  { zone: '+02:00' },
  { zone: '' },
  { from: '9:00' },
  { to: '24:01' },
  { to: '12:60' },
]) {
  test(`time: ${JSON.stringify(wrong)} is refused, not taken for never`, () => {
    assert.throws(() => isWithinWindow({ ...office, ...wrong }, 0), { code: 'INVALID' })
  })
}
