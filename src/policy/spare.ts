/**
 * N+1: what remains of a group when it loses a member.
 *
 * @module
 */

export interface MemberLoad {
  readonly name: string
  /** Takes sessions now. */
  readonly serves: boolean
  /** What its work takes of its machine, 0…1 and over. */
  readonly load: number
}

export interface Spare {
  readonly enough: boolean
  /** For people: `N+1: no: two members at 70 %: one cannot carry 140 %`. */
  readonly text: string
}

/** A member that is fuller is overloaded. */
const FULL = 0.9

/** The members are taken to be alike: the work of the one that is lost is shared by the others. */
export function spareOf(members: readonly MemberLoad[]): Spare {
  const serving = members.filter((member) => member.serves)
  const count = serving.length
  if (count === 0) return { enough: false, text: 'N+1: no: no member serves' }
  if (count === 1) {
    const only =
      members.length === 1 ? 'is the only member' : `is the only one of ${members.length} that serves`
    return { enough: false, text: `N+1: no: ${serving[0]!.name} ${only}: nothing takes over` }
  }
  const total = serving.reduce((sum, { load }) => sum + load, 0)
  const each = percent(total / count)
  const left = count - 1
  const enough = total / left < FULL
  const then = left === 1 ? 'one' : numeral(left)
  const text = enough
    ? `N+1: yes: ${numeral(count)} members at ${each}: ${then} can carry ${percent(total)}${left === 1 ? '' : `, ${percent(total / left)} each`}`
    : `N+1: no: ${numeral(count)} members at ${each}: ${then} cannot carry ${percent(total)}`
  return { enough, text }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

const NUMERALS = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'] as const

function numeral(count: number): string {
  return NUMERALS[count] ?? String(count)
}
