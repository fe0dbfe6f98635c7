/**
 * What control can say of a person's device that is not there. A laptop that sleeps is no fault, so there is a code only
 * where control itself or the device has said one; what becomes of port 443 where it is can be seen on the device alone.
 *
 * @module
 */
import { rfc3339 } from '../../base/clock.ts'
import { FAULTS, type FaultCode, type Hop, isFaultCode } from '../../base/faults.ts'
import { span } from '../../base/span.ts'
import { leftText, partingText } from '../../policy/parting-text.ts'
import type { OutageRecord } from '../../wire/control.ts'
import type { Absence } from '../presence/departures.ts'

export interface DeviceAbsence {
  readonly nowMs: number
  readonly device: {
    readonly name: string
    readonly enabled: boolean
    readonly notAfterMs: number
    readonly signIn?: { readonly endMs: number }
    readonly lastSeenMs?: number
    readonly lastAddress?: string
  }
  readonly absence: Absence
}

export interface DeviceAbsenceFacts extends DeviceAbsence {
  /** The last time away that it has told of. */
  readonly outage?: OutageRecord
  /** Other agents that are connected now from the address that it came from last. */
  readonly neighbours: number
}

export interface DeviceAway {
  readonly code?: FaultCode
  readonly because: string
}

export interface DeviceVerdict {
  readonly code?: FaultCode
  readonly hop?: Hop
  readonly cause: string
  /** Evidence, in the order it counts. */
  readonly seen: readonly string[]
  readonly fix: string
  /** On the device. */
  readonly run: string
  readonly verify: { readonly run: string; readonly expect: string }
}

/** An outage of longer ago says little of this one. */
const STILL_LIKELY_MS = 7 * 86_400_000
const ON_THE_DEVICE = 'backstitch doctor client'
const START = 'Start it on the device: backstitch client run.'
const SIGN_IN = 'On the device: backstitch client login.'

/** In the few words that a list has room for. */
export function deviceAwayBriefly(facts: DeviceAbsence): DeviceAway {
  const { device, absence } = facts
  if (!device.enabled) return { code: 'IDENTITY_REVOKED', because: 'disabled by an admin' }
  const met = metSince(absence)
  if (met !== undefined)
    return { code: met.fault.code, because: `keeps trying and is refused, last ${rfc3339(met.atMs)}` }
  const ended = signInEnded(facts)
  if (ended !== undefined) return { code: 'REAUTH_NEEDED', because: ended }
  const { left } = absence
  const atMs = goneAtMs(facts)
  if (atMs === undefined) return { because: 'never connected' }
  const at = rfc3339(atMs)
  if (left === undefined) return { because: `not connected since the server started, last seen ${at}` }
  if (left.orderly) return { because: `${leftText(left.parting?.why)} ${at}` }
  if (left.lost === undefined) return { code: left.fault?.code, because: `its connection was closed ${at}` }
  return { because: left.lost === 'closed' ? `closed without a goodbye ${at}` : `not responding since ${at}` }
}

/** The first explanation that fits: what control itself decided, then what it was told, then who else is there. */
export function explainDeviceAway(facts: DeviceAbsenceFacts): DeviceVerdict {
  const { name } = facts.device
  const found = decidedHere(facts) ?? gone(facts)
  return {
    ...found,
    hop: found.code && FAULTS[found.code].hop,
    seen: evidence(facts),
    run: ON_THE_DEVICE,
    verify: { run: `backstitch get client-device ${name}`, expect: 'connected' },
  }
}

type DeviceFinding = Pick<DeviceVerdict, 'code' | 'cause' | 'fix'>

function decidedHere(facts: DeviceAbsenceFacts): DeviceFinding | undefined {
  const { device, absence } = facts
  if (!device.enabled) {
    const cause = `An admin disabled ${device.name}; the control plane no longer admits it.`
    return { code: 'IDENTITY_REVOKED', cause, fix: 'Enable it again if its user should have access.' }
  }
  const met = metSince(absence)
  if (met !== undefined) {
    const again = met.times === 1 ? 'once' : `${met.times} times, last`
    const cause = `It reached the control plane ${again} at ${rfc3339(met.atMs)} and was refused: ${met.fault.detail}.`
    return { code: met.fault.code, cause, fix: FAULTS[met.fault.code].fix }
  }
  const ended = signInEnded(facts)
  if (ended === undefined) return endedHere(facts)
  return { code: 'REAUTH_NEEDED', cause: `It has no valid sign-in: ${ended}.`, fix: SIGN_IN }
}

/** Control said goodbye, and it did not come back. */
function endedHere({ absence: { left } }: DeviceAbsenceFacts): DeviceFinding | undefined {
  if (left === undefined || left.orderly || left.lost !== undefined || left.fault === undefined)
    return undefined
  const { code, detail } = left.fault
  const cause = `Its connection was closed at ${rfc3339(left.atMs)}: ${detail}; it has not come back.`
  return { code, cause, fix: FAULTS[code].fix }
}

/** It is simply not there. What it said of the last time may be so again. */
function gone(facts: DeviceAbsenceFacts): DeviceFinding {
  const { left } = facts.absence
  const before = likely(facts)
  if (left?.orderly && left.parting !== undefined && before === undefined) {
    return { cause: `It disconnected at ${rfc3339(left.atMs)}: ${partingText(left.parting)}.`, fix: START }
  }
  const how = howGone(facts)
  const again =
    before === undefined
      ? ''
      : ` Last time the cause was ${before.hop} ${before.code}; it may be the same again.`
  const fix =
    before === undefined
      ? `If the device is on and online: ${ON_THE_DEVICE}, run on the device, shows which step fails.`
      : FAULTS[before.code].fix
  return { code: before?.code, cause: `${how} ${nearby(facts)}${again}`, fix }
}

function howGone(facts: DeviceAbsenceFacts): string {
  const { left } = facts.absence
  const atMs = goneAtMs(facts)
  const at = atMs === undefined ? '' : ` at ${rfc3339(atMs)}`
  if (left === undefined)
    return `It has not connected since the server started${atMs === undefined ? '' : `, and was last seen${at}`}.`
  if (left.orderly) return `It disconnected${at}: ${partingText(left.parting)}.`
  return left.lost === 'closed'
    ? `Its connection was closed${at} without a goodbye: its process exited, or a middlebox reset it.`
    : `It stopped responding${at}.`
}

/** Who else comes from there tells the device from its network. */
function nearby(facts: DeviceAbsenceFacts): string {
  const { neighbours } = facts
  const address = addressOf(facts)
  return neighbours > 0
    ? `${counted(neighbours)} connected from the same address ${address}, so that network lets Backstitch out: the device is off or asleep, has left that network, or is blocked by something on it or on its own path (firewall, VPN, TLS inspection).`
    : 'No other agent is connected from its address, so it cannot be told whether the device or its network is at fault: the device is off, asleep or elsewhere, or port 443 is blocked or inspected there.'
}

function counted(agents: number): string {
  return agents === 1 ? 'One other agent is' : `${agents} other agents are`
}

function likely({ outage, nowMs }: DeviceAbsenceFacts): { hop: Hop; code: FaultCode } | undefined {
  if (outage === undefined || nowMs - outage.endedMs > STILL_LIKELY_MS) return undefined
  const { code, hop } = outage.verdict ?? {}
  // What it met without a look is only that it did not get through.
  return code !== undefined && hop !== undefined && isFaultCode(code) ? { code, hop } : undefined
}

/** Its certificate may well have ended since it left; that is why it is gone only if it was there until then. */
function signInEnded({ device, absence, nowMs }: DeviceAbsence): string | undefined {
  if (device.signIn === undefined) return 'the sign-in was ended'
  if (device.signIn.endMs <= nowMs) return `the sign-in ended ${rfc3339(device.signIn.endMs)}`
  const wasThere = (absence.left?.atMs ?? device.lastSeenMs ?? 0) >= device.notAfterMs
  if (device.notAfterMs > nowMs || !wasThere) return undefined
  return `its certificate expired ${rfc3339(device.notAfterMs)}`
}

function metSince({ left, refused }: Absence): Absence['refused'] {
  return refused !== undefined && refused.atMs >= (left?.atMs ?? 0) ? refused : undefined
}

function goneAtMs({ absence, device }: DeviceAbsence): number | undefined {
  return absence.left?.atMs ?? device.lastSeenMs
}

function addressOf({ absence, device }: DeviceAbsence): string | undefined {
  return absence.left?.address ?? device.lastAddress
}

function evidence(facts: DeviceAbsenceFacts): string[] {
  const { device, absence, outage, neighbours, nowMs } = facts
  const { left, refused } = absence
  const atMs = goneAtMs(facts)
  const until = (endMs: number) => `${endMs <= nowMs ? 'ended' : 'until'} ${rfc3339(endMs)}`
  return [
    atMs === undefined
      ? 'never seen'
      : `last seen ${rfc3339(atMs)} from ${addressOf(facts) ?? 'an unknown address'}`,
    left === undefined
      ? 'how it left is unknown: the server has restarted since'
      : left.orderly
        ? `it closed its connection itself: ${partingText(left.parting)}`
        : `its connection ended: ${left.fault?.detail ?? 'no reason known'}`,
    ...(refused === undefined
      ? []
      : [`refused ${rfc3339(refused.atMs)} from ${refused.address}: ${refused.fault.code}`]),
    `sign-in ${device.signIn === undefined ? 'ended' : until(device.signIn.endMs)}, certificate ${until(device.notAfterMs)}`,
    `other agents connected from that address: ${neighbours}`,
    outage === undefined ? 'no earlier outage is on record' : `away before: ${outageText(outage)}`,
    'what its resolver, its firewall and port 443 do there now: unknown, only the device can see it',
  ]
}

function outageText({ sinceMs, endedMs, verdict, hop, code }: OutageRecord): string {
  const said =
    verdict?.code === undefined ? `${hop} ${code}` : `${verdict.hop} ${verdict.code}, by its own doctor`
  return `${rfc3339(sinceMs)} for ${span(endedMs - sinceMs)}: ${said}`
}
