import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { finish } from './program.ts'

const NAME = /^bslab-(\d+)-/

/** Removes what labs left behind whose process was killed: their programs ended with it, their names did not. */
export async function sweep(): Promise<void> {
  for (const name of leftIn('/run/netns')) {
    await finish(['ip', 'netns', 'del', name])
    rmSync(path.join('/etc/netns', name), { recursive: true, force: true })
  }
  for (const name of leftIn(os.tmpdir())) {
    const folder = path.join(os.tmpdir(), name)
    await unmountBelow(folder)
    rmSync(folder, { recursive: true, force: true })
  }
  for (const controller of ['', 'memory', 'cpu']) {
    const folder = path.join('/sys/fs/cgroup', controller)
    for (const name of leftIn(folder)) await finish(['rmdir', path.join(folder, name)])
  }
}

/** Small disks that a scenario did not get to put away. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounted = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
  for (const one of mounted) if (one.startsWith(`${folder}/`)) await finish(['umount', '--lazy', one])
}

function isLab(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('lab')
  } catch {
    return false
  }
}

/** Names of labs that are no more. */
function leftIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => {
    const pid = NAME.exec(name)?.[1]
    return pid !== undefined && !isLab(Number(pid))
  })
}
