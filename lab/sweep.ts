import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { finish } from './program.ts'

const NAME = /^bslab-(\d+)-(\d+)-/

/** What everything of a lab is called that this process makes: numbers of processes come again, with another start. */
export const LAB_NAME = `bslab-${process.pid}-${startedAt(process.pid)}-`

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

/** When it was started, in ticks since boot; nothing of one that has ended. */
function startedAt(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] // field 22 of proc_pid_stat(5)
  } catch {
    return undefined
  }
}

/** Names of labs that are no more. */
function leftIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => {
    const [, pid, at] = NAME.exec(name) ?? []
    return pid !== undefined && startedAt(Number(pid)) !== at
  })
}
