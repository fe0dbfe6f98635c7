/**
 * What takes only away, and so needs no more than `operate`. Everything else on connectors, devices and keys is input to
 * a yes: it enables, moves, assigns a fact, or gives a name that configuration means.
 *
 * @module
 */
import { demand } from './auth.ts'
import type { ApiCaller } from './deps.ts'
import type { Beyond } from './describe-operation.ts'

/** @returns whether a body says this one thing and no other. */
export function isOnly<Body extends object>(body: Body, field: keyof Body, value: unknown): boolean {
  const said = Object.keys(body)
  return said.length === 1 && said[0] === field && body[field] === value
}

export const DISABLE_ONLY: Beyond<{ readonly enabled?: boolean }> = {
  only: 'disabling it',
  needs: 'configure',
  is: (body) => !isOnly(body, 'enabled', false),
}

/**
 * A record that says no is not deleted by whoever could not make it a yes.
 *
 * @param because What of it says no, or false.
 * @throws {Fault} FORBIDDEN.
 */
export function demandToForget(caller: ApiCaller, what: string, because: string | false): void {
  if (because !== false) demand(caller, 'configure', `deleting ${what}, which ${because},`)
}
