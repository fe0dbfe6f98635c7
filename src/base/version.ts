import { readFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from './program-files.ts'

/** The version of this program, as package.json has it. */
export const VERSION: string = readVersion()

/** The one that lies there now: an update puts another one in the place of this one while it runs. */
export function versionOnDisk(): string | undefined {
  try {
    return readVersion()
  } catch {
    return undefined
  }
}

function readVersion(): string {
  return JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version
}

/** How the program names itself to a peer. */
export const PROGRAM = `backstitch/${VERSION}`
