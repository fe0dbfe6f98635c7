import { existsSync } from 'node:fs'
import { lookups } from '../probe/lookups.ts'

const SHELL = '/bin/sh'

/**
 * Ends this process now. A look-up whose resolver is silent holds a thread for up to half a minute, and whoever exits
 * waits for threads; a process that becomes another one waits for nobody.
 */
export function leave(code: number): never {
  if (lookups.underWay > 0 && existsSync(SHELL)) {
    process.execve?.(SHELL, ['sh', '-c', `exit ${code}`], {})
  }
  process.exit(code)
}
