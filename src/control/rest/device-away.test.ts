import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Departure } from '../presence/departures.ts'
import { type DeviceAbsenceFacts, deviceAwayBriefly, explainDeviceAway } from './device-away.ts'

const NOW_MS = Date.UTC(2026, 0, 2, 12)
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const HOME = '203.0.113.7'

const silent: Departure = {
  ...{ atMs: NOW_MS - 10 * MINUTE_MS, address: HOME, orderly: false, lost: 'silent' },
  fault: { code: 'CONTROL_UNREACHABLE', hop: 'control', detail: 'no reply to a ping in 5000 ms' },
  said: { state: 'connected', sessions: 0, tunnels: 0, cpuPercent: 0, rssBytes: 0, rttUs: 0 },
}
const blocked: NonNullable<DeviceAbsenceFacts['outage']> = {
  ...{ id: 'out_1', sinceMs: NOW_MS - DAY_MS, endedMs: NOW_MS - DAY_MS + 2 * MINUTE_MS, attempts: 4 },
  ...{ code: 'CONTROL_UNREACHABLE', hop: 'control', detail: 'no way' },
  verdict: {
    ...{ run: 'run_1', at: '', outcome: 'fault', headline: '', seen: [], also: [] },
    ...{ code: 'EGRESS_BLOCKED', hop: 'edge' },
  },
}

/** A device that fell silent ten minutes ago, with a sign-in that stands. */
function facts(over: Partial<DeviceAbsenceFacts> & { own?: object } = {}): DeviceAbsenceFacts {
  const { own, ...rest } = over
  const device = {
    ...{ name: 'laptop', enabled: true, notAfterMs: NOW_MS + DAY_MS, signIn: { endMs: NOW_MS + DAY_MS } },
    ...{ lastSeenMs: silent.atMs, lastAddress: HOME },
  }
  return {
    ...{ nowMs: NOW_MS, absence: { left: silent }, neighbours: 0 },
    ...rest,
    device: { ...device, ...own },
  }
}
const refusedAt = (atMs: number) => ({
  ...{ atMs, address: '198.51.100.9', times: 3 },
  fault: { code: 'IDENTITY_CLONED', hop: 'control', detail: 'generation 3 came after 4' } as const,
})

const CASES: {
  name: string
  facts: DeviceAbsenceFacts
  code?: string
  cause: RegExp
  brief: RegExp
  fix?: RegExp
}[] = [
  {
    name: 'silent, and nobody to compare with',
    facts: facts(),
    cause: /^It stopped responding at 2026-\S+\. No other agent .* port 443 is blocked or inspected there\.$/,
    brief: /^not responding since 2026/,
    fix: /backstitch doctor client, run on the device/,
  },
  {
    name: 'silent while others of that address are here',
    facts: facts({ neighbours: 2 }),
    cause:
      /2 other agents are connected from the same address 203\.0\.113\.7, so that network lets Backstitch out/,
    brief: /^not responding since/,
  },
  {
    name: 'what its own doctor found the last time is the likely cause, with its fix',
    facts: facts({ outage: blocked }),
    code: 'EGRESS_BLOCKED',
    cause: /Last time the cause was edge EGRESS_BLOCKED; it may be the same again\.$/,
    brief: /^not responding since/,
  },
  {
    name: 'an outage of long ago is evidence and no cause',
    facts: facts({ outage: { ...blocked, endedMs: NOW_MS - 30 * DAY_MS } }),
    cause: /^It stopped responding/,
    brief: /^not responding since/,
  },
  {
    name: 'killed',
    facts: facts({ absence: { left: { ...silent, lost: 'closed' } } }),
    cause: /^Its connection was closed at \S+ without a goodbye: its process exited, or a middlebox/,
    brief: /^closed without a goodbye/,
  },
  {
    name: 'stopped',
    facts: facts({
      absence: {
        left: { ...silent, orderly: true, lost: undefined, parting: { why: 'signal', detail: 'SIGTERM' } },
      },
    }),
    cause: /^It disconnected at \S+: SIGTERM\.$/,
    brief: /^was stopped by a signal/,
    fix: /backstitch client run\./,
  },
  {
    name: 'disabled',
    facts: facts({ own: { enabled: false } }),
    code: 'IDENTITY_REVOKED',
    cause: /^An admin disabled laptop/,
    brief: /^disabled by an admin/,
  },
  {
    name: 'signed out',
    facts: facts({ own: { signIn: undefined } }),
    code: 'REAUTH_NEEDED',
    cause: /the sign-in was ended/,
    brief: /^the sign-in was ended/,
    fix: /backstitch client login/,
  },
  {
    name: 'a certificate that ended after it was switched off is not why it is gone',
    facts: facts({ own: { notAfterMs: NOW_MS - MINUTE_MS } }),
    cause: /^It stopped responding/,
    brief: /^not responding since/,
  },
  {
    name: 'one that ended while it was there is',
    facts: facts({ own: { notAfterMs: silent.atMs - 1 } }),
    code: 'REAUTH_NEEDED',
    cause: /its certificate expired/,
    brief: /^its certificate expired/,
  },
  {
    name: 'it comes, and is refused',
    facts: facts({ absence: { left: silent, refused: refusedAt(NOW_MS) } }),
    code: 'IDENTITY_CLONED',
    cause: /^It reached the control plane 3 times, last at \S+ and was refused/,
    brief: /^keeps trying and is refused/,
  },
  {
    name: 'who was refused in its name while it was here is not why it is gone',
    facts: facts({ absence: { left: silent, refused: refusedAt(silent.atMs - MINUTE_MS) } }),
    cause: /^It stopped responding/,
    brief: /^not responding since/,
  },
  {
    name: 'not connected since the server started',
    facts: facts({ absence: {} }),
    cause: /^It has not connected since the server started, and was last seen at 2026/,
    brief: /^not connected since the server started, last seen 2026/,
  },
]

for (const { name, facts: given, code, cause, brief, fix } of CASES) {
  test(`a device that is away: ${name}`, () => {
    const verdict = explainDeviceAway(given)
    assert.equal(verdict.code, code)
    assert.match(verdict.cause, cause)
    if (fix !== undefined) assert.match(verdict.fix, fix)
    assert.match(deviceAwayBriefly(given).because, brief)
    assert.equal(verdict.run, 'backstitch doctor client')
    assert.match(verdict.seen.at(-1)!, /port 443 do there now: unknown/)
  })
}
