/**
 * The file server and the git server of the application, where this machine has their programs, and what they serve.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Address, Child, Children } from './children.ts'
import { run } from './isolation.ts'
import { isHere } from './programs.ts'

export const SMB_PROGRAMS = ['smbd', 'smbclient']
export const GIT_PROGRAMS = ['git']
const SHARE = 'share'
const REPOSITORY = 'repository.git'

/** Why there is no such server; its daemon changes accounts. */
export function lackingSmb(): string | undefined {
  if (!SMB_PROGRAMS.every(isHere))
    return 'smbd or smbclient not here; Debian: apt-get install samba smbclient'
  return process.getuid?.() === 0 ? undefined : 'needs root: its daemon changes accounts'
}

export function lackingGit(): string | undefined {
  return GIT_PROGRAMS.every(isHere) ? undefined : 'git not here; Debian: apt-get install git'
}

/** Serves `dir` to guests. */
export function startSmb(children: Children, dir: string, { host, port }: Address): Child {
  mkdirSync(path.join(dir, SHARE), { recursive: true, mode: 0o755 })
  const own = [
    'private dir',
    'lock directory',
    'state directory',
    'cache directory',
    'pid directory',
    'ncalrpc dir',
  ]
  const file = path.join(dir, 'smb.conf')
  writeFileSync(
    file,
    `[global]
server role = standalone server
map to guest = bad user
guest account = root
interfaces = ${host}/8
bind interfaces only = yes
disable netbios = yes
smb ports = ${port}
load printers = no
disable spoolss = yes
log level = 0
${own.map((name) => `${name} = ${dir}\n`).join('')}
[${SHARE}]
path = ${path.join(dir, SHARE)}
guest ok = yes
read only = yes
`,
  )
  return children.start('smb', ['smbd', '--foreground', '--debug-stdout', '-s', file])
}

export function startGit(children: Children, dir: string, { host, port }: Address): Child {
  mkdirSync(dir, { recursive: true })
  const where = [`--listen=${host}`, `--port=${port}`, `--base-path=${dir}`]
  return children.start('git', ['git', 'daemon', '--reuseaddr', '--export-all', ...where, dir], {
    env: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
  })
}

/** A file of so many bytes in the share, made once. @returns its name there. */
export function sharedFile(dir: string, bytes: number): string {
  const name = `file-${bytes}`
  const file = path.join(dir, SHARE, name)
  if (!exists(file))
    run('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', `count=${bytes}`, 'iflag=count_bytes', 'status=none'])
  return `${SHARE}/${name}`
}

/**
 * A repository of so many files in commits of a hundred, made once. Their text is that of no other, and compresses to
 * half.
 *
 * @returns its path at the server, and the bytes that a clone brings.
 */
export async function sharedRepository(dir: string, files: number): Promise<{ at: string; bytes: number }> {
  const repository = path.join(dir, REPOSITORY)
  if (!exists(repository)) {
    run('git', ['init', '-q', '--bare', '-b', 'main', repository])
    const child = spawn('git', ['-C', repository, 'fast-import', '--quiet'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    await commits(child, files)
    run('git', ['-C', repository, 'repack', '-adqb'])
  }
  const counted = run('git', ['-C', repository, 'count-objects', '-v'])
  return { at: `/${REPOSITORY}`, bytes: Number(/^size-pack: (\d+)/m.exec(counted)?.[1] ?? 0) * 1024 }
}

const FILE_BYTES = 8192
const PER_COMMIT = 100

async function commits(child: ChildProcess, files: number): Promise<void> {
  const ended = once(child, 'exit')
  for (let first = 0; first < files; first += PER_COMMIT) {
    const changes = Array.from({ length: PER_COMMIT }, (_, each) => {
      const text = crypto.getRandomValues(new Uint8Array(FILE_BYTES / 2)).toHex()
      return `M 644 inline folder-${first / PER_COMMIT}/file-${each}\ndata ${text.length}\n${text}\n`
    })
    const who = `committer bench <bench@example.org> ${1_700_000_000 + first} +0000`
    const text = `commit refs/heads/main\n${who}\ndata 6\ncommit\n${changes.join('')}\n`
    if (!child.stdin!.write(text)) await once(child.stdin!, 'drain')
  }
  child.stdin!.end()
  const [code] = await ended
  if (code !== 0) throw new Error(`git fast-import ended with ${code}`)
}

function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined
}
