import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { finish } from './program.ts'

const NAME = /^bslab-(\d+)-/

/** Removes what labs left behind whose process was killed: their programs ended with it, their names did not. */
export async function sweep(): Promise<void> {
  for (const name of namesIn('/run/netns')) {
    if (isLab(Number(NAME.exec(name)![1]))) continue
    await finish(['ip', 'netns', 'del', name])
    rmSync(path.join('/etc/netns', name), { recursive: true, force: true })
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

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).filter((name) => NAME.test(name)) : []
}
