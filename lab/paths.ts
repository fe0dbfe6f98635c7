import path from 'node:path'
import { programFile, ROOT } from '../src/base/program-files.ts'

/** The program that the lab is about. */
export const PROGRAM = path.join(ROOT, 'bin', 'backstitch')
/** For programs of the lab itself. */
export const NODE = path.join(ROOT, 'bin', 'node')

/** A program of the lab itself, by its name in this folder. */
export function labProgram(name: string): string {
  return programFile(`lab/${name}`)
}
