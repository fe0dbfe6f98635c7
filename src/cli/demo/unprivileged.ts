import { spawnSync } from 'node:child_process'
import { chownSync, lchownSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { programFile, ROOT } from '../../base/program-files.ts'
import { isMapped } from '../../base/user-namespace.ts'

export interface Unprivileged {
  /** What goes before the command. */
  readonly prefix: readonly string[]
  /** The folder of this program, and that of the state, as the command sees them. */
  readonly root: string
  readonly state: string
  /** For people. */
  readonly user: string
  readonly uid: number
}

const NOBODY = 65_534
const MAIN = path.relative(ROOT, programFile('src/cli/main'))
const NO_RIGHTS = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']

/**
 * How to run something without the rights of root. Where an ordinary user may not enter the folder of this program (below /root,
 * say), it is mounted at a place where they may; that needs a mount namespace of our own.
 *
 * @param mayMount This process is in a mount namespace of its own.
 */
export function unprivileged(root: string, state: string, mayMount: boolean): Unprivileged {
  if (process.getuid?.() !== 0) return { prefix: [], root, state, user: 'you', uid: process.getuid?.() ?? 0 }
  const asNobody = [
    'setpriv',
    '--reuid',
    String(NOBODY),
    '--regid',
    String(NOBODY),
    '--clear-groups',
    ...NO_RIGHTS,
  ]
  if (!isMapped()) {
    const nobody = (at: string, stateAt: string): Unprivileged => ({
      ...{ prefix: asNobody, root: at, state: stateAt, user: 'nobody', uid: NOBODY },
    })
    if (canUse(asNobody, root, state)) return nobody(root, state)
    if (mayMount && mountElsewhere(root, state) && canUse(asNobody, '/mnt/program', '/mnt/state')) {
      return nobody('/mnt/program', '/mnt/state')
    }
  }
  const prefix = ok('setpriv', [...NO_RIGHTS, 'true']) ? ['setpriv', ...NO_RIGHTS] : []
  const owner = isMapped() ? 'you' : 'root'
  const user = prefix.length > 0 ? `${owner}, without any capability` : owner
  return { prefix, root, state, user, uid: 0 }
}

/** Gives a directory of the state, and the files in it, to the user that works there. */
export function giveFolderTo(folder: string, uid: number): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (process.getuid?.() !== 0) return
  chownSync(folder, uid, uid)
  for (const name of readdirSync(folder)) lchownSync(path.join(folder, name), uid, uid)
}

function canUse(prefix: readonly string[], root: string, state: string): boolean {
  const script =
    'test -r "$1/package.json" && test -r "$1/$3" && { test ! -d "$1/node_modules" || test -r "$1/node_modules/commander/package.json"; } && test -x "$2"'
  return ok(prefix[0]!, [...prefix.slice(1), 'sh', '-c', script, 'sh', root, state, MAIN])
}

function mountElsewhere(root: string, state: string): boolean {
  if (!ok('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', '/mnt'])) return false
  return (
    [
      [root, 'program'],
      [state, 'state'],
    ] as const
  ).every(([from, name]) => {
    const at = path.join('/mnt', name)
    mkdirSync(at)
    return ok('mount', ['--bind', from, at])
  })
}

function ok(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0
}
