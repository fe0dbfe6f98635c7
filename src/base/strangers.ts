/**
 * Whether somebody else could put something else in the place of a file, as ssh asks of its keys: owner and mode are
 * looked at from the root down, and through every link.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import path from 'node:path'
import { Fault, type FaultCode, type Hop } from './faults.ts'
import { isMapped } from './user-namespace.ts'

/** Somebody who could, and where. */
export interface Stranger {
  readonly path: string
  readonly owner: number
  /** Four octal digits. */
  readonly mode: string
  /** For people: what is wrong with it, and what would be right. */
  readonly why: string
  readonly fix: string
}

/** Not there, when it was looked at: it may be there, and somebody else's, a moment later. */
const MISSING = 'missing'

/** As the kernel: more are a circle. */
const MAX_LINKS = 40
const ROOT = 0
const STICKY = 0o1000
/** What whoever starts a program hands to it, as /dev/stdin: a pipe, or a file that no folder has any more. */
const DESCRIPTOR = /^\/proc\/\d+\/fd\/\d+$/
/** Whom files belong to, in a namespace of users, that belong to nobody in it: those of the system, among others. */
const OVERFLOW = 65_534

/**
 * The first place on the way to a file, itself included, that belongs to neither this user nor root, or that others may
 * write to. In a directory like /tmp, where nobody may rename what is another's, what lies in it decides. What is not
 * there yet is fine, and what may not be seen is for whoever opens it to say.
 */
export async function strangerOn(file: string): Promise<Stranger | undefined> {
  const found = await walk(file)
  return found === MISSING ? undefined : found
}

async function walk(file: string): Promise<Stranger | typeof MISSING | undefined> {
  const self = process.getuid?.()
  if (self === undefined) return undefined
  // Not normalized: behind a link, .. leads to where the link does.
  const whole = path.isAbsolute(file) ? file : `${process.cwd()}${path.sep}${file}`
  const names = partsOf(whole)
  let at: string = path.sep
  let links = 0
  let isHandedOver = false
  let name: string | undefined
  for (let next: string | undefined = at; ; next = name === '..' ? path.dirname(at) : path.join(at, name)) {
    const found = await lstat(next).catch((error: NodeJS.ErrnoException) => error.code)
    if (found === 'ENOENT' || found === 'ENOTDIR') return isHandedOver ? undefined : MISSING
    if (found === undefined || typeof found === 'string') return undefined
    const isLast = names.length === 0
    const { uid: owner, gid, mode } = found
    const seen = { path: next, owner, mode: octal(mode) }
    if (owner !== self && owner !== ROOT && !(owner === OVERFLOW && !isLast && isMapped())) {
      return {
        ...seen,
        why: `it belongs to user ${owner}, not to ${self === ROOT ? 'root' : `user ${self} or root`}`,
        fix: fixOwner(next, owner, self),
      }
    }
    if (found.isSymbolicLink()) {
      if (++links > MAX_LINKS) return undefined
      if (isLast && DESCRIPTOR.test(next)) isHandedOver = true
      const target = await readlink(next)
      if (path.isAbsolute(target)) at = path.sep
      names.unshift(...partsOf(target))
    } else {
      const isSticky = (mode & STICKY) !== 0 && !isLast
      const open = mode & (isOwnGroup(gid, self) ? 0o002 : 0o022)
      // What is written to a device, a pipe or a socket stands in nobody's place.
      const holds = found.isDirectory() || found.isFile()
      if (holds && open !== 0 && !isSticky) {
        return { ...seen, why: 'others can write to it', fix: `chmod go-w ${next}` }
      }
      at = next
    }
    name = names.shift()
    if (name === undefined) return undefined
  }
}

function partsOf(text: string): string[] {
  return text.split(path.sep).filter((part) => part !== '' && part !== '.')
}

/**
 * What was found stays as it was found. What was not must not be opened after this: in a directory like /tmp somebody
 * else may have put it there meanwhile.
 *
 * @returns Whether it is there.
 * @throws {Fault} with this code, naming the place, its owner and mode, and what to do.
 */
export async function refuseStrangers(
  file: string,
  { code, hop }: { code: FaultCode; hop?: Hop },
): Promise<boolean> {
  const found = await walk(file)
  if (found === undefined || found === MISSING) return found === undefined
  throw strangerFault(file, found, { code, hop })
}

export function strangerFault(
  file: string,
  { path: at, owner, mode, why, fix }: Stranger,
  { code, hop }: { code: FaultCode; hop?: Hop },
): Fault {
  const whose = at === path.resolve(file) ? file : `${file} is below ${at}, which is not safe`
  return new Fault(code, `${whose}: ${why} (owner ${owner}, mode ${mode}): ${fix}`, {
    hop,
    seen: { file, path: at, owner, mode, uid: process.getuid?.() ?? -1 },
  })
}

function fixOwner(at: string, owner: number, self: number): string {
  return self === ROOT
    ? `run it as that user (sudo -u '#${owner}'), or chown root ${at}`
    : `use a directory of your own, or have root chown it: chown ${self} ${at}`
}

/** Many systems give every user a group of that number, and make its files writable for it: nobody else is in it. */
function isOwnGroup(gid: number, self: number): boolean {
  if (gid !== self || gid === ROOT || process.getgid?.() !== gid) return false
  try {
    const line = readFileSync('/etc/group', 'utf8')
      .split('\n')
      .map((text) => text.split(':'))
      .find(([, , number]) => Number(number) === gid)
    const [name, , , members = ''] = line ?? []
    return members.split(',').every((member) => member === '' || member === name)
  } catch {
    return false
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
