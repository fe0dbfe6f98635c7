import type { z } from 'zod'
import { Fault } from '../base/faults.ts'

/** One thing wrong with a document, and where: a JSON pointer (RFC 6901) into what was sent. */
export interface InvalidAt {
  readonly pointer: string
  readonly detail: string
}

/** INVALID with every place that is wrong, so that a person corrects them all at once. */
export class InvalidFault extends Fault {
  readonly errors: readonly InvalidAt[]

  constructor(errors: readonly InvalidAt[], options?: ErrorOptions) {
    super('INVALID', errors.map((error) => `${error.pointer || '/'}: ${error.detail}`).join('; '), {
      ...options,
      seen: { at: errors.map((error) => error.pointer) },
    })
    this.errors = errors
  }
}

/** A JSON pointer from the path of a schema error. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/**
 * What a schema found, in words that say what was expected; a key that no schema knows comes with the nearest
 * one that it does.
 *
 * @param known Keys allowed at a path, for the suggestion; by default none are suggested.
 */
export function invalidFrom(
  error: z.ZodError,
  known: (path: readonly PropertyKey[]) => readonly string[] = () => [],
): InvalidFault {
  return new InvalidFault(error.issues.flatMap((issue) => describe(issue, known)))
}

function describe(
  issue: z.core.$ZodIssue,
  known: (path: readonly PropertyKey[]) => readonly string[],
): InvalidAt[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ pointer: pointerOf(issue.path), detail: issue.message }]
  }
  return issue.keys.map((key) => {
    const near = nearest(key, known(issue.path))
    return {
      pointer: pointerOf([...issue.path, key]),
      detail: `unknown key "${key}"${near === undefined ? '' : `: did you mean "${near}"?`}`,
    }
  })
}

/** The known word closest to `word`, when it is close enough to be what was meant. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(word.length / 3)) + 1
  for (const candidate of known) {
    const distance = edits(word.toLowerCase(), candidate.toLowerCase())
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Edit distance with swaps of neighbours counted once (optimal string alignment). */
function edits(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
      }
    }
    rows.push(row)
  }
  return rows[a.length]![b.length]!
}
