import { existsSync } from 'node:fs'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import os from 'node:os'
import type { Address } from '../../bench/children.ts'
import { PROGRAM } from '../installation.ts'
import { findProgram } from '../needs.ts'
import { type Command, shell, succeed } from '../program.ts'
import type { Place } from './place.ts'

/** Where sshd, as root, keeps a folder that must be there: on a machine without its service it is not. */
const PRIVILEGE_SEPARATION = '/run/sshd'

/**
 * An OpenSSH server with keys and configuration of its own, and the configuration of a client who reaches it as
 * host `app` through `backstitch client connect`. Nothing of the machine's own set-up is read or changed.
 *
 * @returns Path of the client's configuration, for `ssh -F`.
 */
export async function serveSsh(place: Place, at: Address): Promise<string> {
  const file = (name: string) => place.file(`ssh-${name}`)
  for (const name of ['host', 'login']) {
    await succeed(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file(name)])
  }
  await copyFile(file('login.pub'), file('authorized'))
  const sftp = findProgram('sftp-server') ?? 'internal-sftp'
  await writeFile(
    file('daemon'),
    `ListenAddress ${at.host}:${at.port}
HostKey ${file('host')}
AuthorizedKeysFile ${file('authorized')}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
Subsystem sftp ${sftp}
`,
  )
  // The key of the host is known beforehand: a tunnel to anywhere else would be refused.
  await writeFile(file('known'), `app ${await readFile(file('host.pub'), 'utf8')}`)
  await writeFile(
    file('client'),
    `Host app
  HostName ${at.host}
  Port ${at.port}
  User ${os.userInfo().username}
  ProxyCommand ${quote([PROGRAM, ...place.installation.clientFlags, 'connect', '%h', '%p'])}
  HostKeyAlias app
  UserKnownHostsFile ${file('known')}
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  IdentityFile ${file('login')}
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  LogLevel ERROR
`,
  )
  await place.serve('sshd', command(file('daemon')), at)
  return file('client')
}

/** Sshd starts itself again for each connection, so it must be called by its full path. */
function command(config: string): Command {
  const sshd = [findProgram('sshd')!, '-D', '-e', '-f', config] as const
  if (process.getuid?.() !== 0 || existsSync(PRIVILEGE_SEPARATION)) return sshd
  const line = `mount -t tmpfs tmpfs /run && mkdir -m 755 ${PRIVILEGE_SEPARATION} && exec "$@"`
  return ['unshare', '--mount', ...shell(line, ...sshd)]
}

function quote(words: readonly string[]): string {
  return words.map((word) => (/\s/.test(word) ? `"${word}"` : word)).join(' ')
}
