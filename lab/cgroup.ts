/**
 * Limits of memory and processor for programs of the lab, by the kernel: cgroup v1 or v2, whichever is mounted.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { until } from './daemon.ts'

export interface CgroupLimits {
  readonly memoryBytes?: number
  /** Of one processor: 50 is half of one, 200 two. */
  readonly cpuPercent?: number
  /** The kernel gives no less than 1 ms of it. */
  readonly periodUs?: number
}

const ROOT = '/sys/fs/cgroup'
const PERIOD_US = 100_000
const V1 = ['memory', 'cpu'] as const
const V2 = existsSync(path.join(ROOT, 'cgroup.controllers'))
/** Who is left in it was killed a moment ago. */
const EMPTY_MS = 5000

export class Cgroup implements AsyncDisposable {
  readonly #folders: readonly string[]

  /** @param name One of its own for each lab: `${machine.namespace}`. */
  constructor(name: string, limits: CgroupLimits) {
    this.#folders = (V2 ? [''] : V1).map((controller) => path.join(ROOT, controller, name))
    if (V2) writeFileSync(path.join(ROOT, 'cgroup.subtree_control'), '+memory +cpu')
    for (const folder of this.#folders) mkdirSync(folder, { recursive: true })
    this.set(limits)
  }

  /** Holds at once for all who are in it. */
  set({ memoryBytes, cpuPercent, periodUs = PERIOD_US }: CgroupLimits): void {
    const quotaUs = cpuPercent === undefined ? undefined : Math.round((cpuPercent * periodUs) / 100)
    const [memory, cpu = memory] = this.#folders as [string, string?]
    const write = (folder: string, name: string, value: string | number) =>
      writeFileSync(path.join(folder, name), String(value))
    if (V2) {
      write(memory, 'memory.max', memoryBytes ?? 'max')
      write(memory, 'cpu.max', `${quotaUs ?? 'max'} ${periodUs}`)
    } else {
      write(memory, 'memory.limit_in_bytes', memoryBytes ?? -1)
      write(cpu!, 'cpu.cfs_period_us', periodUs)
      write(cpu!, 'cpu.cfs_quota_us', quotaUs ?? -1)
    }
  }

  /** Without what the kernel gives back when it is asked. */
  get memoryUsedBytes(): number {
    const [memory] = this.#folders as [string]
    const read = (name: string) => readFileSync(path.join(memory, name), 'utf8')
    const [used, given] = V2
      ? ['memory.current', /^inactive_file (\d+)/m]
      : ['memory.usage_in_bytes', /^total_inactive_file (\d+)/m]
    return Number(read(used as string)) - Number((given as RegExp).exec(read('memory.stat'))![1])
  }

  /** A process that runs already. Its children of before stay where they are. */
  add(pid: number): void {
    for (const folder of this.#folders) writeFileSync(path.join(folder, 'cgroup.procs'), String(pid))
  }

  /** For `LabConnector.within`: the program is in it from its first moment, and sees it where services look for it. */
  get within(): readonly string[] {
    // A network namespace brings a /sys of its own, without these mounts.
    const mounts = V2
      ? [`mount -t cgroup2 cgroup ${ROOT}`]
      : [
          `mount -t tmpfs cgroup ${ROOT}`,
          ...V1.flatMap((name) => [
            `mkdir ${ROOT}/${name}`,
            `mount -t cgroup -o ${name} cgroup ${ROOT}/${name}`,
          ]),
        ]
    const enter = this.#folders.map((folder) => `echo $$ > ${path.join(folder, 'cgroup.procs')}`)
    return ['sh', '-c', `${[...mounts, ...enter].join(' && ')} && exec "$@"`, 'within']
  }

  /** Moves out who is still in it, and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#folders.map(leaveAndRemove))
  }
}

async function leaveAndRemove(folder: string): Promise<void> {
  await until(
    () => {
      try {
        for (const pid of readFileSync(path.join(folder, 'cgroup.procs'), 'utf8')
          .split('\n')
          .filter(Boolean)) {
          writeFileSync(path.join(folder, '..', 'cgroup.procs'), pid)
        }
        rmdirSync(folder)
        return true
      } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'ENOENT'
      }
    },
    () => `${folder} cannot be removed`,
    EMPTY_MS,
  )
}
