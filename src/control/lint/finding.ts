import type { LintFinding, LintObject } from '../../api/lint.ts'
import { FAULTS, type FaultCode } from '../../base/faults.ts'

/** What a rule of lint finds, one after the other; where it yields nothing it may be put down. */
export type Findings = Generator<LintFinding | undefined, void, void>

const MAX_OTHERS = 20
/** So many names are said; of the rest only the count. */
const MAX_NAMED = 5

/** A finding whose fix is that of the fault table, unless the case knows a better one. */
export function findingAbout(
  code: FaultCode,
  object: LintObject,
  o: {
    readonly reason: string
    readonly consequence: string
    readonly fix?: string
    readonly others?: readonly LintObject[]
  },
): LintFinding {
  const { hop, fix } = FAULTS[code]
  return {
    ...{ code, hop, object },
    others: (o.others ?? []).slice(0, MAX_OTHERS),
    ...{ reason: o.reason, consequence: o.consequence, fix: o.fix ?? fix },
  }
}

/** The part of a stored object that findings show. */
export function about<K extends LintObject['kind']>(
  kind: K,
  { id, name }: { readonly id: string; readonly name: string },
): LintObject {
  return { kind, id, name }
}

/** "a, b, c and 4 more". */
export function objectNamesOf(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMED).join(', ')
  return names.length <= MAX_NAMED ? shown : `${shown} and ${names.length - MAX_NAMED} more`
}

/** "1 segment", "3 segments". */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
