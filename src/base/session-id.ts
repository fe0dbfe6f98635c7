/**
 * The id of a session says of which grant it is: time, then the end of the id of the grant, then a number that no other
 * session of that grant has.
 *
 *     ses_  10 characters of time in milliseconds · the last 11 of the grant's id · 5 of number
 *
 * So a device opens session after session on one grant and asks nobody for ids, and an id cannot be taken from one grant to
 * another.
 *
 * @module
 */
import { idTimeMs, isId, numberOf, numberText } from './ids.ts'

const GRANT_CHARACTERS = 11
const NUMBER_CHARACTERS = 5
const GRANT_AT = 14
const NUMBER_AT = GRANT_AT + GRANT_CHARACTERS

/** Numbers that control and clients give, from 0: more than a device can open in the life of a grant. */
export const CLIENT_NUMBERS = 32 ** NUMBER_CHARACTERS / 2
/** Those above, which connectors give to streams that come without an id of their own. */
export const CONNECTOR_NUMBERS = 32 ** NUMBER_CHARACTERS - CLIENT_NUMBERS

/** What the id of a session must fit to. Times by the clock of the control plane. */
export interface SessionsOf {
  readonly id: string
  readonly expiresMs: number
}

/** @param atMs By the clock of the control plane, as far as it is known: a time outside the life of the grant is moved into it. */
export function sessionId({ id, expiresMs }: SessionsOf, number: number, atMs: number): string {
  const timeMs = Math.min(Math.max(atMs, idTimeMs(id)), expiresMs)
  return `ses_${numberText(timeMs, 10)}${id.slice(-GRANT_CHARACTERS)}${numberText(number, NUMBER_CHARACTERS)}`
}

/** Is it one of this grant, from within its life? */
export function isSessionOf(session: string, { id, expiresMs }: SessionsOf): boolean {
  if (!isId(session, 'ses') || session.slice(GRANT_AT, NUMBER_AT) !== id.slice(-GRANT_CHARACTERS))
    return false
  const timeMs = idTimeMs(session)
  return timeMs >= idTimeMs(id) && timeMs <= expiresMs
}

/** Which session of its grant it is. @param session One that `isSessionOf` takes. */
export function sessionNumber(session: string): number {
  return numberOf(session.slice(NUMBER_AT))
}
