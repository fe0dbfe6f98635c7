/**
 * What the control groups of a process leave it: v1 and v2, its own group and every one above.
 *
 * @module
 */
import path from 'node:path'

export interface GroupLimits {
  /** 0 where there is none. */
  readonly memoryLimitBytes: number
  /** Without what the kernel gives back when it is asked. */
  readonly memoryUsedBytes: number
  /** Of one processor; absent where there is none. */
  readonly cpuLimitPercent: number | undefined
}

type ReadFile = (file: string) => Promise<string | undefined>

export interface ControlGroupOptions {
  readonly pid: number | 'self'
  readonly proc: string
  /** Where control groups are mounted; of several the tightest counts. */
  readonly mounts: readonly string[]
  /** Nothing for a file that cannot be read. */
  readonly read: ReadFile
}

/** Of every group from its own to the root the tightest counts, which need not be its own. */
export async function readControlGroup({
  pid,
  proc,
  mounts,
  read,
}: ControlGroupOptions): Promise<GroupLimits> {
  const text = (await read(path.join(proc, String(pid), 'cgroup'))) ?? ''
  let found: GroupLimits = { memoryLimitBytes: 0, memoryUsedBytes: 0, cpuLimitPercent: undefined }
  for (const line of text.split('\n')) {
    const [, names = '', group] = line.split(':')
    if (group === undefined) continue
    const kinds = names.split(',')
    for (const mount of mounts) {
      for (let at = group; ; at = path.dirname(at)) {
        // v2 has one tree and names no kind; beside v1 it may lie in `unified`.
        if (names === '') found = tighter(found, await unified(read, path.join(mount, at)))
        if (kinds.includes('memory'))
          found = tighter(found, await memoryV1(read, path.join(mount, 'memory', at)))
        if (kinds.includes('cpu')) found = tighter(found, await cpuV1(read, mount, names, at))
        if (at === '/' || at === '.') break
      }
    }
  }
  return found
}

async function unified(read: ReadFile, folder: string): Promise<GroupLimits> {
  const [max, current, stat, cpu] = await Promise.all(
    ['memory.max', 'memory.current', 'memory.stat', 'cpu.max'].map((name) => read(path.join(folder, name))),
  )
  const [quota, period] = (cpu ?? '').trim().split(/\s+/).map(Number)
  return {
    memoryLimitBytes: bytes(max),
    memoryUsedBytes: Math.max(0, bytes(current) - fieldOf(stat, 'inactive_file')),
    cpuLimitPercent: quota! > 0 && period! > 0 ? (quota! / period!) * 100 : undefined,
  }
}

async function memoryV1(read: ReadFile, folder: string): Promise<GroupLimits> {
  const [limit, usage, stat] = await Promise.all(
    ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'memory.stat'].map((name) =>
      read(path.join(folder, name)),
    ),
  )
  const memoryUsedBytes = Math.max(0, bytes(usage) - fieldOf(stat, 'total_inactive_file'))
  return { memoryLimitBytes: bytes(limit), memoryUsedBytes, cpuLimitPercent: undefined }
}

async function cpuV1(read: ReadFile, mount: string, names: string, group: string): Promise<GroupLimits> {
  const none = { memoryLimitBytes: 0, memoryUsedBytes: 0 }
  for (const folder of [path.join(mount, names, group), path.join(mount, 'cpu', group)]) {
    const quota = Number(await read(path.join(folder, 'cpu.cfs_quota_us')))
    const period = Number(await read(path.join(folder, 'cpu.cfs_period_us')))
    if (quota > 0 && period > 0) return { ...none, cpuLimitPercent: (quota / period) * 100 }
  }
  return { ...none, cpuLimitPercent: undefined }
}

function tighter(a: GroupLimits, b: GroupLimits): GroupLimits {
  const free = ({ memoryLimitBytes, memoryUsedBytes }: GroupLimits) =>
    memoryLimitBytes > 0 ? memoryLimitBytes - memoryUsedBytes : Number.POSITIVE_INFINITY
  const memory = free(b) < free(a) ? b : a
  const percents = [a.cpuLimitPercent, b.cpuLimitPercent].filter((one) => one !== undefined)
  return {
    memoryLimitBytes: memory.memoryLimitBytes,
    memoryUsedBytes: memory.memoryUsedBytes,
    cpuLimitPercent: percents.length === 0 ? undefined : Math.min(...percents),
  }
}

/** `max`, and the huge number by which v1 says the same, are no limit. */
function bytes(text: string | undefined): number {
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : 0
}

function fieldOf(stat: string | undefined, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(stat ?? '')?.[1] ?? 0)
}
