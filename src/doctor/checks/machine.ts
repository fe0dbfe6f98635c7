import { type Check, check, fail, pass, unknown } from '../check.ts'
import { unitOf, verifyHealthy } from './words.ts'

/** A state file is a few kilobytes; below this not even the log of the daemon is safe. */
const MIN_FREE_BYTES = 4 * 1024 * 1024

export const securityPolicy: Check = check({
  name: 'security-policy',
  title: 'SELinux or AppArmor',
  hop: 'self',
  needs: ['denials'],
  after: [],
  judge: ({ denials }) => {
    if (denials.enforcing === 'none') return pass('neither is in force')
    const line = denials.lines.at(-1)
    if (line === undefined && denials.unread !== undefined) return unknown(denials.unread)
    if (line === undefined) return pass(`${denials.enforcing} has denied us nothing in the last 10 minutes`)
    const selinux = denials.enforcing === 'selinux'
    return fail('MAC_DENIED', {
      expected: `no denial of ${denials.enforcing} that names the daemon`,
      seen: denials.lines,
      cause: `${selinux ? 'SELinux' : 'AppArmor'} is enforcing and forbids the daemon what the last line says.`,
      fix: selinux
        ? ['ausearch -m avc -ts recent | audit2allow -M backstitch-local', 'semodule -i backstitch-local.pp']
        : ['aa-logprof'],
      verify: selinux
        ? { run: 'ausearch -m avc -ts recent', expect: '<no matches>' }
        : { run: 'journalctl -k --since "1 minute ago" | grep -c DENIED', expect: '0' },
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
  judge: ({ stateDir: dir }) => {
    if (dir.is === 'missing') return unknown(`${dir.path} does not exist: the daemon has not run here`)
    const open = (Number.parseInt(dir.mode ?? '0', 8) & 0o022) !== 0
    const seen = `${dir.path}: owner uid ${dir.owner}, mode ${dir.mode}`
    if (dir.writable && !open) return pass(seen)
    const readOnly = dir.errno === 'EROFS'
    const owner = `chown -R ${dir.user} ${dir.path}`
    return fail('STATE_UNWRITABLE', {
      expected: `${dir.path} can be written by ${dir.user} (uid ${dir.uid}) and by nobody else`,
      seen: [seen, dir.errno === undefined ? '' : `${dir.errno} for ${dir.user} (uid ${dir.uid})`],
      cause: open
        ? 'Others may write to it, so the identity in it could be replaced.'
        : readOnly
          ? 'The file system is mounted read-only.'
          : `Owner and mode do not let ${dir.user} write to it.`,
      fix: open
        ? [`chmod go-w ${dir.path}`]
        : readOnly
          ? [`findmnt -T ${dir.path}`]
          : [owner, `chmod 0700 ${dir.path}`],
      verify: { run: `stat -c '%a %u' ${dir.path}`, expect: `700 ${dir.uid}` },
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
    const list = file.servers.length === 0 ? 'no nameserver' : file.servers.join(', ')
    if (file.is !== 'denied')
      return pass(`${file.path}: ${file.is === 'missing' ? 'none, libc asks 127.0.0.1' : list}`)
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
