/**
 * Whether a program is on this machine.
 *
 * @module
 */

import { accessSync, constants, existsSync } from 'node:fs'
import path from 'node:path'

/** The folders of administrative programs are searched even when the user's PATH leaves them out. */
export const SEARCH_PATH = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']

export function isHere(command: string): boolean {
  if (command.startsWith('/')) return existsSync(command)
  return SEARCH_PATH.some((folder) => {
    try {
      accessSync(path.join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
