/**
 * What this process uses, and what it may: of itself, of its control group (v1 and v2), of the machine. What cannot be
 * read is 0, and a limit of 0 is none.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Figures } from '../base/figures.ts'

export interface FiguresRoots {
  /** Where proc and the control groups lie; tests give folders of their own. */
  readonly proc?: string
  readonly cgroup?: string
}

/** One thread does the work. */
const ONE_PROCESSOR_PERCENT = 100

export class FiguresReader {
  readonly #proc: string
  readonly #cgroup: string
  readonly #last = new Map<string, string>()
  #cpu = process.cpuUsage()
  #waitedNs: number | undefined
  #atMs = performance.now()
  #lastRssBytes = 0
  #fdLimit = 0

  constructor({ proc = '/proc', cgroup = '/sys/fs/cgroup' }: FiguresRoots = {}) {
    this.#proc = proc
    this.#cgroup = cgroup
  }

  /** Percentages are of the time since it was last read. */
  async read(): Promise<Figures> {
    // First and alone: reading the others takes descriptors, too.
    const descriptors = await this.#descriptors()
    const [groups, waitedNs, memory, ports] = await Promise.all([
      this.#groups(),
      this.#waited(),
      this.#meminfo(),
      this.#ports(),
    ])
    const elapsedMs = Math.max(1, performance.now() - this.#atMs)
    const { user, system } = process.cpuUsage(this.#cpu)
    const waited = waitedNs === undefined || this.#waitedNs === undefined ? 0 : waitedNs - this.#waitedNs
    this.#cpu = process.cpuUsage()
    this.#waitedNs = waitedNs
    this.#atMs = performance.now()
    const limited = groups.memoryLimitBytes > 0 && groups.memoryLimitBytes < memory.total
    return {
      cpuPercent: tenths((user + system) / elapsedMs / 10),
      cpuLimitPercent: Math.min(ONE_PROCESSOR_PERCENT, groups.cpuLimitPercent ?? ONE_PROCESSOR_PERCENT),
      cpuWaitPercent: Math.min(100, tenths(waited / elapsedMs / 1e4)),
      rssBytes: this.#residentBytes(),
      memoryLimitBytes: limited ? groups.memoryLimitBytes : memory.total,
      memoryFreeBytes: limited
        ? Math.min(memory.available, Math.max(0, groups.memoryLimitBytes - groups.memoryUsedBytes))
        : memory.available,
      ...descriptors,
      ...ports,
    }
  }

  /** Of every group from its own to the root the tightest counts, which need not be its own. */
  async #groups() {
    const text = (await this.#text(path.join(this.#proc, 'self/cgroup'))) ?? ''
    let found = { memoryLimitBytes: 0, memoryUsedBytes: 0, cpuLimitPercent: undefined as number | undefined }
    for (const line of text.split('\n')) {
      const [, names = '', group] = line.split(':')
      if (group === undefined) continue
      const kinds = names.split(',')
      for (let at = group; ; at = path.dirname(at)) {
        // v2 has one tree and names no kind; beside v1 it may lie in `unified`.
        if (names === '') found = tighter(found, await this.#unified(at))
        if (kinds.includes('memory')) found = tighter(found, await this.#memoryV1(at))
        if (kinds.includes('cpu')) found = tighter(found, await this.#cpuV1(names, at))
        if (at === '/' || at === '.') break
      }
    }
    return found
  }

  async #unified(group: string) {
    const read = (name: string) => this.#text(path.join(this.#cgroup, group, name))
    const [max, current, stat, cpu] = await Promise.all(
      ['memory.max', 'memory.current', 'memory.stat', 'cpu.max'].map(read),
    )
    const [quota, period] = (cpu ?? '').trim().split(/\s+/).map(Number)
    return {
      memoryLimitBytes: bytes(max),
      memoryUsedBytes: Math.max(0, bytes(current) - fieldOf(stat, 'inactive_file')),
      cpuLimitPercent: quota! > 0 && period! > 0 ? (quota! / period!) * 100 : undefined,
    }
  }

  async #memoryV1(group: string) {
    const read = (name: string) => this.#text(path.join(this.#cgroup, 'memory', group, name))
    const [limit, usage, stat] = await Promise.all(
      ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'memory.stat'].map(read),
    )
    const used = Math.max(0, bytes(usage) - fieldOf(stat, 'total_inactive_file'))
    return { memoryLimitBytes: bytes(limit), memoryUsedBytes: used, cpuLimitPercent: undefined }
  }

  async #cpuV1(names: string, group: string) {
    const folders = [path.join(this.#cgroup, names, group), path.join(this.#cgroup, 'cpu', group)]
    for (const folder of folders) {
      const quota = Number(await this.#text(path.join(folder, 'cpu.cfs_quota_us')))
      const period = Number(await this.#text(path.join(folder, 'cpu.cfs_period_us')))
      if (quota > 0 && period > 0) {
        return { memoryLimitBytes: 0, memoryUsedBytes: 0, cpuLimitPercent: (quota / period) * 100 }
      }
    }
    return { memoryLimitBytes: 0, memoryUsedBytes: 0, cpuLimitPercent: undefined }
  }

  /** Nanoseconds in which the main thread had work and no processor. */
  async #waited(): Promise<number | undefined> {
    const text = await this.#text(path.join(this.#proc, `self/task/${process.pid}/schedstat`))
    const waited = Number(text?.split(' ')[1])
    return Number.isFinite(waited) ? waited : undefined
  }

  async #meminfo(): Promise<{ total: number; available: number }> {
    const text = (await this.#text(path.join(this.#proc, 'meminfo'))) ?? ''
    const kilobytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
    return text === ''
      ? { total: os.totalmem(), available: os.freemem() }
      : { total: kilobytes('MemTotal') * 1024, available: kilobytes('MemAvailable') * 1024 }
  }

  /** To look takes a descriptor, too, and says so by throwing. */
  #residentBytes(): number {
    try {
      this.#lastRssBytes = process.memoryUsage.rss()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EMFILE') throw error
    }
    return this.#lastRssBytes
  }

  /** One that has none left to look with has all of them open. */
  async #descriptors(): Promise<{ fds: number; fdLimit: number }> {
    try {
      const fds = (await readdir(path.join(this.#proc, 'self/fd'))).length
      const limits = await readFile(path.join(this.#proc, 'self/limits'), 'utf8')
      this.#fdLimit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0)
      return { fds, fdLimit: this.#fdLimit }
    } catch (error) {
      const none = (error as NodeJS.ErrnoException).code === 'EMFILE'
      return { fds: none ? this.#fdLimit : 0, fdLimit: none ? this.#fdLimit : 0 }
    }
  }

  /** Sockets of this network namespace on ports of the local range. */
  async #ports(): Promise<{ portsUsed: number; portsTotal: number }> {
    const range = await this.#text(path.join(this.#proc, 'sys/net/ipv4/ip_local_port_range'))
    const [first = 0, last = -1] = (range ?? '').trim().split(/\s+/).map(Number)
    if (!(last >= first)) return { portsUsed: 0, portsTotal: 0 }
    const sockstat = (await this.#text(path.join(this.#proc, 'net/sockstat'))) ?? ''
    const [, used = 0, waiting = 0] = /^TCP: inuse (\d+) .*?tw (\d+)/m.exec(sockstat)?.map(Number) ?? []
    const portsTotal = last - first + 1
    // Far from full, how many exactly is not worth reading every socket of the machine.
    if (used + waiting < portsTotal / 2) return { portsUsed: used + waiting, portsTotal }
    const tables = await Promise.all(
      ['net/tcp', 'net/tcp6'].map((name) => this.#text(path.join(this.#proc, name))),
    )
    const ports = new Set<number>()
    for (const [, hex] of tables.join('\n').matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /gm)) {
      const port = Number.parseInt(hex!, 16)
      if (port >= first && port <= last) ports.add(port)
    }
    return { portsUsed: ports.size, portsTotal }
  }

  async #text(file: string): Promise<string | undefined> {
    try {
      const text = await readFile(file, 'utf8')
      this.#last.set(file, text)
      return text
    } catch (error) {
      // To look takes a descriptor: where there is none left, what was read before has to do.
      return (error as NodeJS.ErrnoException).code === 'EMFILE' ? this.#last.get(file) : undefined
    }
  }
}

interface Limits {
  memoryLimitBytes: number
  memoryUsedBytes: number
  cpuLimitPercent: number | undefined
}

function tighter(a: Limits, b: Limits): Limits {
  const free = ({ memoryLimitBytes, memoryUsedBytes }: Limits) =>
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

function tenths(value: number): number {
  return Math.max(0, Math.round(value * 10) / 10)
}
