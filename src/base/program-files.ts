/**
 * Where the files of this program lie: in a checkout, or in a bundle that was made of one (scripts/bundle.ts), which has
 * the same places with `.js` for `.ts`. The one module that looks beside itself: others may be in any file of a bundle.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import path from 'node:path'

/** The folder with everything in it. */
export const ROOT: string = rootAbove(import.meta.dirname)

const EXTENSION = path.extname(import.meta.filename)

/** A file that is run by itself, as a process or a thread. @param place From the root, without its extension. */
export function programFile(place: string): string {
  return path.join(ROOT, `${place}${EXTENSION}`)
}

/** package.json is there: the version is read from it. */
function rootAbove(folder: string): string {
  const above = path.dirname(folder)
  return existsSync(path.join(folder, 'package.json')) || above === folder ? folder : rootAbove(above)
}
