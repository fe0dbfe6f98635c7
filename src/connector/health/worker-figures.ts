import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** What one more process of this connector uses. */
export interface WorkerFigures {
  readonly pid: number
  /** Of one processor. */
  readonly cpuPercent: number
  /** Share of the time that it had work and no processor, percent. */
  readonly cpuWaitPercent: number
  readonly rssBytes: number
  readonly fds: number
  readonly fdLimit: number
}

/** What the kernel counts of a process, in clock ticks and nanoseconds. */
interface CpuSpent {
  readonly atMs: number
  readonly ticks: number
  readonly waitedNs: number
}

/** Of user space, on every architecture. */
const TICK_MS = 10

/** As the kernel has them: a process that is stuck is asked nothing. */
export class WorkerFiguresReader {
  readonly #proc: string
  #before = new Map<number, CpuSpent>()

  constructor(proc = '/proc') {
    this.#proc = proc
  }

  /** Percentages are of the time since it was last read. Those that have ended are left out. */
  async read(pids: readonly number[]): Promise<WorkerFigures[]> {
    const before = this.#before
    this.#before = new Map()
    const all = await Promise.all(pids.map((pid) => this.#read(pid, before.get(pid))))
    return all.filter((one) => one !== undefined)
  }

  async #read(pid: number, before: CpuSpent | undefined): Promise<WorkerFigures | undefined> {
    const at = (name: string) => path.join(this.#proc, `${pid}`, name)
    try {
      const [stat, schedstat, status, limits, descriptors] = (await Promise.all([
        ...['stat', `task/${pid}/schedstat`, 'status', 'limits'].map((name) => readFile(at(name), 'utf8')),
        readdir(at('fd')),
      ] as [...Promise<string>[], Promise<string[]>])) as [string, string, string, string, string[]]
      // The name of the program, in brackets, may hold anything.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      const spent = {
        atMs: performance.now(),
        ticks: Number(fields[11]) + Number(fields[12]),
        waitedNs: Number(schedstat.split(' ')[1]),
      }
      this.#before.set(pid, spent)
      return {
        pid,
        ...partOf(spent, before),
        rssBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
        fds: descriptors.length,
        fdLimit: Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0),
      }
    } catch {
      return undefined // it has ended, or there is no descriptor left to look with
    }
  }
}

function partOf(spent: CpuSpent, before: CpuSpent | undefined) {
  if (before === undefined) return { cpuPercent: 0, cpuWaitPercent: 0 }
  const elapsedMs = Math.max(1, spent.atMs - before.atMs)
  return {
    cpuPercent: ((spent.ticks - before.ticks) * TICK_MS * 100) / elapsedMs,
    cpuWaitPercent: (spent.waitedNs - before.waitedNs) / elapsedMs / 1e4,
  }
}
