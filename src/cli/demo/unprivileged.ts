import { spawnSync } from 'node:child_process'
import { chownSync, lchownSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { isMapped } from '../../base/user-namespace.ts'

export interface Unprivileged {
  /** What goes before the command. */
  readonly prefix: readonly string[]
  /** The directory of this checkout, and that of the state, as the command sees them. */
  readonly checkout: string
  readonly state: string
  /** For people. */
  readonly user: string
  readonly uid: number
}

const NOBODY = 65_534
const NO_RIGHTS = ['--no-new-privs', '--inh-caps=-all', '--bounding-set=-all']

/**
 * How to run something without the rights of root. Where an ordinary user may not enter the checkout (below /root,
 * say), it is mounted at a place where they may; that needs a mount namespace of our own.
 *
 * @param mayMount This process is in a mount namespace of its own.
 */
export function unprivileged(checkout: string, state: string, mayMount: boolean): Unprivileged {
  if (process.getuid?.() !== 0)
    return { prefix: [], checkout, state, user: 'you', uid: process.getuid?.() ?? 0 }
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
      ...{ prefix: asNobody, checkout: at, state: stateAt, user: 'nobody', uid: NOBODY },
    })
    if (canUse(asNobody, checkout, state)) return nobody(checkout, state)
    if (mayMount && mountElsewhere(checkout, state) && canUse(asNobody, '/mnt/checkout', '/mnt/state')) {
      return nobody('/mnt/checkout', '/mnt/state')
    }
  }
  const prefix = ok('setpriv', [...NO_RIGHTS, 'true']) ? ['setpriv', ...NO_RIGHTS] : []
  const owner = isMapped() ? 'you' : 'root'
  const user = prefix.length > 0 ? `${owner}, without any capability` : owner
  return { prefix, checkout, state, user, uid: 0 }
}

/** Gives a directory of the state, and the files in it, to the user that works there. */
export function giveFolderTo(folder: string, uid: number): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (process.getuid?.() !== 0) return
  chownSync(folder, uid, uid)
  for (const name of readdirSync(folder)) lchownSync(path.join(folder, name), uid, uid)
}

function canUse(prefix: readonly string[], checkout: string, state: string): boolean {
  const script =
    'test -r "$1/src/cli/main.ts" && test -r "$1/node_modules/commander/package.json" && test -x "$2"'
  return ok(prefix[0]!, [...prefix.slice(1), 'sh', '-c', script, 'sh', checkout, state])
}

function mountElsewhere(checkout: string, state: string): boolean {
  if (!ok('mount', ['-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', '/mnt'])) return false
  return (
    [
      [checkout, 'checkout'],
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
