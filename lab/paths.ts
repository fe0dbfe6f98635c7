import path from 'node:path'

const ROOT = path.join(import.meta.dirname, '..')
/** The program that the lab is about. */
export const PROGRAM = path.join(ROOT, 'bin', 'backstitch')
/** For programs of the lab itself. */
export const NODE = path.join(ROOT, 'bin', 'node')
