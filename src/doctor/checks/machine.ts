import type { FileAccess } from '../../probe/file-access.ts'
import { blind, type Check, check, fail, pass, unknown } from '../check.ts'
import type { Patient } from '../patient.ts'
import { unitOf, verifyHealthy } from './words.ts'

/** A state file is a few kilobytes; below this not even the log of the daemon is safe. */
const MIN_FREE_BYTES = 4 * 1024 * 1024

/** Of access(2): owner, mode or mount say no. Any other errno says that it could not be asked. */
const NOT_ALLOWED: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  undefined,
])

/** Of these, whether it was the daemon that was refused is another question. */
const REFUSED: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM'])

/** A daemon of another user is at home in it: that whoever looks may not go in is no fault of the directory. */
export function isOfAnother(dir: FileAccess | undefined): boolean {
  return dir?.served === true && dir.owner !== dir.uid && REFUSED.has(dir.errno)
}

export function askAsRoot({ path, owner, user, uid }: FileAccess, { role }: Patient): string {
  return `${path} belongs to uid ${owner}, which runs the ${role}, and ${user} (uid ${uid}) may not read it: sudo backstitch doctor ${role}`
}

export const securityPolicy: Check = check({
  name: 'security-policy',
  title: 'SELinux or AppArmor',
  hop: 'self',
  needs: ['denials'],
  after: [],
  judge: ({ denials }, { patient }) => {
    if (denials.enforcing === 'none') return pass('neither is enforcing')
    const line = denials.lines.at(-1)
    if (line === undefined && denials.unread !== undefined) return unknown(denials.unread)
    if (line === undefined)
      return pass(`${denials.enforcing} has denied the daemon nothing in the last 10 minutes`)
    const selinux = denials.enforcing === 'selinux'
    return fail('MAC_DENIED', {
      expected: `no denial by ${denials.enforcing} that names the daemon`,
      seen: denials.lines,
      cause: `${selinux ? 'SELinux' : 'AppArmor'} is enforcing and denies the daemon what the last line shows.`,
      fix: selinux
        ? ['ausearch -m avc -ts recent | audit2allow -M backstitch-local', 'semodule -i backstitch-local.pp']
        : ['aa-logprof'],
      verify: verifyHealthy(patient), // ten minutes after the last denial
    })
  },
})

export const disk: Check = check({
  name: 'disk',
  title: 'space for state',
  hop: 'self',
  needs: ['disk'],
  after: [],
  judge: ({ disk: { path, freeBytes, totalBytes, freeInodes } }, { patient }) => {
    const free = `${mebibytes(freeBytes)} of ${mebibytes(totalBytes)} free at ${path}`
    const noInodes = freeInodes === 0
    if (freeBytes >= MIN_FREE_BYTES && !noInodes) return pass(free)
    return fail('DISK_FULL', {
      expected: `at least ${mebibytes(MIN_FREE_BYTES)} and some inodes free at ${path}`,
      seen: [free, noInodes ? 'free inodes: 0' : ''],
      cause: `The file system that holds ${path} has no ${noInodes ? 'inodes' : 'space'} left.`,
      fix: [`du -xh ${path} | sort -h | tail`, 'journalctl --vacuum-size=200M'],
      verify: verifyHealthy(patient),
    })
  },
})

export const stateDirectory: Check = check({
  name: 'state-directory',
  title: 'the state directory',
  hop: 'self',
  needs: ['stateDir'],
  after: ['security-policy', 'disk'],
  judge: ({ stateDir: dir }, { patient }) => {
    if (dir.is === 'missing') return unknown(`${dir.path} does not exist: the daemon has not run here`)
    const { stranger } = dir
    const seen = `${dir.path}: owner uid ${dir.owner}, mode ${dir.mode}`
    if (dir.writable && stranger === undefined) return pass(seen)
    if (isOfAnother(dir)) return blind(askAsRoot(dir, patient))
    if (stranger === undefined && !NOT_ALLOWED.has(dir.errno))
      return blind(`${dir.path} could not be examined: ${dir.errno}`)
    const readOnly = dir.errno === 'EROFS'
    const owner = `chown -R ${dir.user} ${dir.path}`
    return fail('STATE_UNWRITABLE', {
      expected: `${dir.path} writable by ${dir.user} (uid ${dir.uid}) and by no other user`,
      seen: [
        seen,
        dir.errno === undefined ? '' : `${dir.errno} for ${dir.user} (uid ${dir.uid})`,
        stranger === undefined
          ? ''
          : `${stranger.path}: ${stranger.why} (owner uid ${stranger.owner}, mode ${stranger.mode})`,
      ],
      cause: stranger
        ? `Another user could replace its contents: ${stranger.path === dir.path ? '' : `it is below ${stranger.path}; `}${stranger.why}.`
        : readOnly
          ? 'The file system is mounted read-only.'
          : `Its owner and mode do not let ${dir.user} write to it.`,
      fix: stranger
        ? [stranger.fix]
        : readOnly
          ? [
              `dmesg | grep -iE "error|remount" | tail, and repair that file system`,
              `mount -o remount,rw "$(findmnt -no TARGET -T ${dir.path})"`,
            ]
          : [owner, `chmod 0700 ${dir.path}`],
      verify: verifyHealthy(patient), // owner and mode are not all that can be wrong
    })
  },
})

export const resolverFile: Check = check({
  name: 'resolver-file',
  title: 'the resolver file',
  hop: 'self',
  needs: ['resolvers'],
  after: ['security-policy'],
  judge: ({ resolvers: file }, { patient }) => {
    const passedOver = file.passedOver?.map((line) => `; libc ignores ${line}`).join('') ?? ''
    const list = `${file.servers.length === 0 ? 'no nameserver, so libc queries 127.0.0.1' : file.servers.join(', ')}${passedOver}`
    if (file.is === 'failed') return blind(`${file.path} could not be read: ${file.errno}`)
    if (file.is !== 'denied')
      return pass(`${file.path}: ${file.is === 'missing' ? 'none, libc queries 127.0.0.1' : list}`)
    return fail('RESOLVER_UNREADABLE', {
      expected: `${file.path} can be read by ${file.user} (uid ${file.uid})`,
      seen: [`${file.path}: ${file.errno} for uid ${file.uid}; owner uid ${file.owner}, mode ${file.mode}`],
      cause: `The user ${file.user} may not read ${file.path}, so no name resolves for the daemon, while root sees no problem.`,
      fix: [`chmod 644 ${file.path}`, `systemctl restart ${unitOf(patient.role)}`],
      verify: { run: `sudo -u ${file.user} cat ${file.path}`, expect: 'nameserver' },
    })
  },
})

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`
}
