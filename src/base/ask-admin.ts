import { shellWord } from './fault-words.ts'
import type { Fault } from './faults.ts'

/** Who asked, and for what. */
export interface AskedBy {
  readonly user?: string
  /** HOST:PORT. */
  readonly to?: string
}

/** The command by which an admin sees more of what a user was refused; nothing where an admin sees no more than the user. */
export function askAdmin(
  { code, hop, seen }: Pick<Fault, 'code' | 'hop' | 'seen'>,
  { user, to }: AskedBy,
): string | undefined {
  const denial = denialOf({ seen })
  if (denial !== undefined) return `backstitch describe denial ${shellWord(denial)}`
  if (hop === 'client' || code === 'CONTROL_UNREACHABLE' || user === undefined || to === undefined)
    return undefined
  return `backstitch trace ${shellWord(user)} ${shellWord(to)}`
}

/** What an admin can be asked about: `backstitch describe denial ID`. */
export function denialOf({ seen }: Pick<Fault, 'seen'>): string | undefined {
  return typeof seen.denial === 'string' ? seen.denial : undefined
}
