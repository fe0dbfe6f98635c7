/**
 * Whether any rule could ever let this user reach a segment: on another device, with another posture, at another hour.
 * To whom none could, the segment is as if it were not there.
 *
 * @module
 */
import { intersects } from './intersects.ts'
import type { AccessRequest, Conditions } from './rule.ts'
import type { RuleIndex } from './rule-index.ts'

/** Pure. Rules that allow are looked at up to the first that denies this user without any further condition. */
export function inReach(rules: RuleIndex, request: AccessRequest): boolean {
  for (const { rule } of rules.aboutAnyDevice(request)) {
    const { conditions, action, unreadable } = rule
    if (!concerns(conditions, request)) continue
    if (action === 'allow') {
      if (canHold(conditions)) return true
    } else if (unreadable === undefined && isForAll(conditions)) return false
  }
  return false
}

/**
 * Is the rule about this user and this segment? One that names no people but devices is about those who hold them, of
 * whom this device alone is known.
 */
export function concerns(
  { segments, segmentGroups, users, userGroups, devices }: Conditions,
  { segment, user, device }: Pick<AccessRequest, 'segment' | 'user' | 'device'>,
): boolean {
  if (segments !== undefined && !segments.includes(segment.id)) return false
  if (segmentGroups !== undefined && !segmentGroups.includes(segment.segmentGroup ?? '')) return false
  if (users !== undefined && !users.includes(user.id)) return false
  if (userGroups !== undefined && !intersects(userGroups, user.groups)) return false
  if (users !== undefined || userGroups !== undefined || devices === undefined) return true
  return devices.includes(device.id)
}

/** An empty list holds for nobody. */
function canHold({ devices, clientKinds, posture, time }: Conditions): boolean {
  return [devices, clientKinds, posture, time?.days].every((list) => list === undefined || list.length > 0)
}

function isForAll({ devices, clientKinds, posture, time }: Conditions): boolean {
  return [devices, clientKinds, posture, time].every((condition) => condition === undefined)
}
