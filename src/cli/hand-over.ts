import { writeSync } from 'node:fs'
import { asFault, Fault, type FaultCode } from '../base/faults.ts'
import type { Rest } from './rest.ts'

/** A secret that the control plane shows once. */
export interface Secret {
  /** "key", "token": how commands and people call it. */
  readonly what: 'key' | 'token'
  readonly name: string
  /** Where DELETE revokes it. */
  readonly path: string
  /** What is printed. */
  readonly text: string
  /** What became of it where nobody got it. */
  readonly revoked: FaultCode
}

/**
 * Prints a secret on standard output. One that nobody got is revoked, so that none lies about that nobody knows of.
 *
 * @throws {Fault} `revoked`; or what the revocation failed with, naming the command that does it.
 */
export async function printSecret(rest: Rest, { what, name, path, text, revoked }: Secret): Promise<void> {
  const bytes = Buffer.from(text)
  let why = 'not all of it could be written'
  try {
    if (writeSync(1, bytes) === bytes.length) return
  } catch (error) {
    why = (error as NodeJS.ErrnoException).code ?? String(error)
  }
  const unwritten = `standard output: ${why}, so ${what} ${name} was not delivered`
  try {
    await rest.call(path, { method: 'DELETE', headers: { 'if-match': '*' } })
  } catch (error) {
    const { code, hop, detail } = asFault(error)
    throw new Fault(code, `${unwritten}, but it exists: backstitch delete ${what} ${name} (${detail})`, {
      hop,
    })
  }
  throw new Fault(revoked, `${unwritten}: it was revoked`, { hop: 'client' })
}
