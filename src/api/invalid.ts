import type { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { nearest } from '../base/nearest.ts'
import { keysAt } from '../base/schema-keys.ts'

/** One thing wrong with a document, and where: a JSON pointer (RFC 6901) into what was sent. */
export interface InvalidAt {
  readonly pointer: string
  readonly detail: string
}

/** A person corrects no more than this before trying again, and looking for more costs everybody else. */
export const MAX_ERRORS = 100

/** INVALID with every place that is wrong, so that a person corrects them all at once; of very many the first. */
export class InvalidFault extends Fault {
  readonly errors: readonly InvalidAt[]

  constructor(all: readonly InvalidAt[], options?: ErrorOptions) {
    const errors = all.slice(0, MAX_ERRORS)
    super('INVALID', errors.map((error) => `${error.pointer || '/'}: ${error.detail}`).join('; '), {
      ...options,
      seen: { at: errors.map((error) => error.pointer) },
    })
    this.errors = errors
  }
}

/** Of what somebody wrote, as much as it takes to recognise it. */
const MAX_QUOTED_CHARS = 128

function quoted(text: string): string {
  return text.length <= MAX_QUOTED_CHARS ? text : `${text.slice(0, MAX_QUOTED_CHARS)}…`
}

/** A JSON pointer from the path of a schema error. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${quoted(String(part)).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** What a schema found; a key that it does not know comes with the nearest one that it does. */
export function invalidFrom(error: z.ZodError, schema: z.ZodType): InvalidFault {
  return new InvalidFault(error.issues.slice(0, MAX_ERRORS).flatMap((issue) => describe(issue, schema)))
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType): InvalidAt[] {
  if (issue.code !== 'unrecognized_keys') {
    return [{ pointer: pointerOf(issue.path), detail: issue.message }]
  }
  const known = keysAt(schema, issue.path)
  return issue.keys.slice(0, MAX_ERRORS).map((key) => {
    const near = nearest(key, known)
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
    return { pointer: pointerOf([...issue.path, key]), detail: `unknown key "${quoted(key)}"; ${hint}` }
  })
}
