import { called, type Kind } from '../api/kinds.ts'
import { Fault } from '../base/faults.ts'

/** A version, or any of several, that a change is of. */
export type ExpectedVersion = number | readonly number[]

/** @throws {Fault} PRECONDITION_FAILED, also when an object is expected and there is none. */
export function checkVersion(
  kind: Kind,
  name: string,
  is: number | undefined,
  expected?: ExpectedVersion,
): void {
  const any = typeof expected === 'number' ? [expected] : expected
  if (any === undefined || (is !== undefined && any.includes(is))) return
  throw new Fault('PRECONDITION_FAILED', `${called(kind).title} ${name} is at version ${is ?? 'none'}`, {
    seen: { expected: any.length === 1 ? any[0]! : any.join(' or '), is: is ?? 'none' },
  })
}
