import { spawnSync } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import path from 'node:path'
import { findProgram as findBeside } from '../lab/find-program.ts'
import { PACKAGES, type Package } from './packages.ts'

/** `netns`: the right to make network namespaces, as root has outside most containers; `cgroup`: to limit processors. */
export type Need = 'root' | 'netns' | 'cgroup' | Package

/**
 * For the `skip` of a test: false when everything is there, else the reason and the one command that helps.
 *
 *     test('pgbench over the tunnel', { skip: needs('root', 'postgresql') }, async () => { … })
 */
export function needs(...wanted: Need[]): string | false {
  if (wanted.includes('root') && process.getuid?.() !== 0) return 'needs root: sudo npm test'
  const missing = missingPackages(
    wanted.filter((need) => need !== 'root' && need !== 'netns' && need !== 'cgroup'),
  )
  if (missing.length > 0) return `needs ${missing.join(', ')}: sudo apt-get install -y ${missing.join(' ')}`
  if (wanted.includes('netns') && !canMakeNamespaces())
    return 'needs the right to make network namespaces: sudo npm test'
  if (wanted.includes('cgroup') && !CPU_GROUPS.some(isWritable))
    return 'needs control groups of processors (cgroup v1 or v2) that can be made: sudo npm test'
  return false
}

/** Those of `packages` whose program is not on this machine. */
export function missingPackages(packages: readonly Package[]): Package[] {
  return packages.filter((name) => findProgram(PACKAGES[name].program) === undefined)
}

/** Absolute path of a program, also where only root, a service or the scripts of a package look for it. */
export function findProgram(program: string): string | undefined {
  return findBeside(program, globSync('/usr/lib/postgresql/*/bin'))
}

/** Of v1, and of v2. */
const CPU_GROUPS = ['/sys/fs/cgroup/cpu/cgroup.procs', '/sys/fs/cgroup/cgroup.subtree_control']

function isWritable(file: string): boolean {
  try {
    accessSync(path.dirname(file), constants.W_OK)
    accessSync(file)
    return true
  } catch {
    return false
  }
}

let namespaces: boolean | undefined
function canMakeNamespaces(): boolean {
  namespaces ??= spawnSync('unshare', ['--net', 'true']).status === 0
  return namespaces
}
