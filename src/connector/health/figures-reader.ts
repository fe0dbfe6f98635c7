/**
 * What this process uses, and what it may: of itself, of its control group (v1 and v2), of the machine. What cannot be
 * read is 0, and a limit of 0 is none.
 *
 * @module
 */
import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { descriptorLimit } from '../../base/descriptor-limit.ts'
import type { Figures } from '../../base/figures.ts'
import { readControlGroup } from '../../probe/control-group.ts'
import { type WorkerFigures, WorkerFiguresReader } from './worker-figures.ts'

export interface FiguresRoots {
  /** Other processes that do its work. */
  readonly workers?: () => readonly number[]
  /** Where proc and the control groups lie; tests give folders of their own. */
  readonly proc?: string
  readonly cgroup?: string
}

/** One thread of each process does its work. */
const ONE_PROCESSOR_PERCENT = 100

export class FiguresReader {
  readonly #proc: string
  readonly #cgroup: string
  readonly #last = new Map<string, string>()
  #cpu = process.cpuUsage()
  #waitedNs: number | undefined
  #atMs = performance.now()
  #lastRssBytes = 0
  #lastPorts = 0
  #fdLimit: number
  readonly #pids: () => readonly number[]
  readonly #workersReader: WorkerFiguresReader
  #workers: readonly WorkerFigures[] = []

  constructor({ workers = () => [], proc = '/proc', cgroup = '/sys/fs/cgroup' }: FiguresRoots = {}) {
    this.#pids = workers
    this.#workersReader = new WorkerFiguresReader(proc)
    this.#proc = proc
    this.#cgroup = cgroup
    // Before any is short: whoever has none left cannot read how many there may be.
    const limit = descriptorLimit(proc)
    this.#fdLimit = Number.isFinite(limit) ? limit : 0
  }

  /** Of the other processes, as of the last time. */
  get workers(): readonly WorkerFigures[] {
    return this.#workers
  }

  /** Of all processes of this connector together. Percentages are of the time since it was last read. */
  async read(): Promise<Figures> {
    // First and alone: reading the others takes descriptors, too.
    const descriptors = await this.#descriptors()
    const [workers, groups, waitedNs, memory, ports] = await Promise.all([
      this.#workersReader.read(this.#pids()),
      readControlGroup({
        pid: 'self',
        proc: this.#proc,
        mounts: [this.#cgroup],
        read: (file) => this.#text(file),
      }),
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
    this.#workers = workers
    // With others this one carries nothing, and takes next to nothing.
    const limitPercent = ONE_PROCESSOR_PERCENT * Math.max(1, workers.length)
    const sum = (of: (one: WorkerFigures) => number) => workers.reduce((all, one) => all + of(one), 0)
    const waits = [waited / elapsedMs / 1e4, ...workers.map((one) => one.cpuWaitPercent)]
    return {
      cpuPercent: tenths((user + system) / elapsedMs / 10 + sum((one) => one.cpuPercent)),
      cpuLimitPercent: Math.min(limitPercent, groups.cpuLimitPercent ?? limitPercent),
      cpuWaitPercent: Math.min(100, tenths(Math.max(...waits))),
      rssBytes: this.#residentBytes() + sum((one) => one.rssBytes),
      memoryLimitBytes: limited ? groups.memoryLimitBytes : memory.total,
      memoryFreeBytes: limited
        ? Math.min(memory.available, Math.max(0, groups.memoryLimitBytes - groups.memoryUsedBytes))
        : memory.available,
      ...fullest([descriptors, ...workers]),
      ...ports,
    }
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
    const ports = new Set<number>()
    for (const name of ['net/tcp', 'net/tcp6']) {
      const table = await this.#bytes(path.join(this.#proc, name))
      if (table === undefined) return { portsUsed: this.#lastPorts, portsTotal }
      for (const port of localPorts(table)) if (port >= first && port <= last) ports.add(port)
    }
    this.#lastPorts = ports.size
    return { portsUsed: ports.size, portsTotal }
  }

  /** Nothing where there is no descriptor left to look with, and no bytes where there is no such file. */
  async #bytes(file: string): Promise<Buffer | undefined> {
    try {
      return await readFile(file)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EMFILE' ? undefined : Buffer.alloc(0)
    }
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

const [NEWLINE, COLON] = [0x0a, 0x3a]

/** Of a table of sockets, `  12: 0100007F:1F90 …` a line: it may be megabytes, so it is not made text first. */
function* localPorts(table: Buffer): Generator<number> {
  for (let line = table.indexOf(NEWLINE); line >= 0; line = table.indexOf(NEWLINE, line + 1)) {
    const address = table.indexOf(COLON, line)
    const port = address < 0 ? -1 : table.indexOf(COLON, address + 1)
    if (port >= 0) yield Number.parseInt(table.toString('latin1', port + 1, port + 5), 16)
  }
}

/** Each process has a limit of its own. */
function fullest(all: readonly Pick<WorkerFigures, 'fds' | 'fdLimit'>[]) {
  const shareOf = (one: Pick<WorkerFigures, 'fds' | 'fdLimit'>) =>
    one.fdLimit > 0 ? one.fds / one.fdLimit : 0
  const { fds, fdLimit } = all.reduce((most, one) => (shareOf(one) > shareOf(most) ? one : most))
  return { fds, fdLimit }
}

function tenths(value: number): number {
  return Math.max(0, Math.round(value * 10) / 10)
}
