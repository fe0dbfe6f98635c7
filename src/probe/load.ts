/**
 * What this machine has left for the daemon: processor, memory, descriptors, local ports.
 *
 * @module
 */
import { readdir } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { readControlGroup } from './control-group.ts'
import { textOf } from './file-access.ts'

/** Of one process. */
export interface Descriptors {
  readonly pid: number
  readonly open: number
  readonly limit: number
}

export interface LoadFacts {
  readonly cpus: number
  /** Waiting or running, one-minute average. */
  readonly load1: number
  /** Of the main thread of the daemon while we looked, shares of the time, 0…1: it ran; it waited for a processor. */
  readonly thread?: { readonly ran: number; readonly waited: number }
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  /** Of the daemon, where there is one and it may be looked at. */
  readonly descriptors?: Descriptors
  /** TCP sockets on ports of the local range, against the size of that range. */
  readonly localPorts?: { readonly used: number; readonly range: number }
}

const SAMPLE_MS = 1000

export interface LoadOptions {
  readonly pid?: number
  readonly signal: AbortSignal
  /** Where proc lies; tests give a folder of their own. */
  readonly proc?: string
}

export async function lookAtLoad({ pid, signal, proc = '/proc' }: LoadOptions): Promise<LoadFacts> {
  const [memory, descriptors, localPorts, thread] = await Promise.all([
    readMemory(proc, pid),
    pid === undefined ? undefined : readDescriptors(proc, pid),
    readLocalPorts(proc),
    pid === undefined ? undefined : watchThread(proc, pid, signal),
  ])
  return {
    cpus: os.availableParallelism(),
    load1: os.loadavg()[0]!,
    thread,
    ...memory,
    descriptors,
    localPorts,
  }
}

/** The event loop is one thread: what it cannot do in time nobody does, however idle the other processors are. */
async function watchThread(proc: string, pid: number, signal: AbortSignal): Promise<LoadFacts['thread']> {
  const file = path.join(proc, String(pid), 'schedstat')
  const before = await textOf(file)
  const startedAt = performance.now()
  await wait(SAMPLE_MS, undefined, { signal })
  const after = await textOf(file)
  const tookNs = (performance.now() - startedAt) * 1e6
  if (before === undefined || after === undefined) return undefined
  const share = (column: number) => {
    const nanoseconds = (text: string) => Number(text.split(' ')[column])
    return Math.min(1, (nanoseconds(after) - nanoseconds(before)) / tookNs)
  }
  return { ran: share(0), waited: share(1) }
}

/** The tighter of the machine and the control groups of the daemon, which are not those of whoever looks. */
async function readMemory(proc: string, pid: number | undefined) {
  const meminfo = (await textOf(path.join(proc, 'meminfo'))) ?? ''
  const kilobytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0)
  const machine = { total: kilobytes('MemTotal') * 1024, available: kilobytes('MemAvailable') * 1024 }
  const limits = pid === undefined ? undefined : await limitsOf(proc, pid)
  if (limits === undefined || limits.memoryLimitBytes === 0 || limits.memoryLimitBytes >= machine.total) {
    return { memoryTotalBytes: machine.total, memoryAvailableBytes: machine.available }
  }
  const left = Math.max(0, limits.memoryLimitBytes - limits.memoryUsedBytes)
  return {
    memoryTotalBytes: limits.memoryLimitBytes,
    memoryAvailableBytes: Math.min(machine.available, left),
  }
}

/** As they are mounted here and as the daemon sees them: it may live in a container. */
function limitsOf(proc: string, pid: number) {
  const mounts = ['/sys/fs/cgroup', path.join(proc, String(pid), 'root/sys/fs/cgroup')]
  return readControlGroup({ pid, proc, mounts, read: textOf })
}

/** Nothing of a process that may not be looked at. */
export async function readDescriptors(proc: string, pid: number) {
  const limits = await textOf(path.join(proc, String(pid), 'limits'))
  const limit = Number(/^Max open files\s+(\d+)/m.exec(limits ?? '')?.[1])
  const open = await readdir(path.join(proc, String(pid), 'fd')).catch(() => undefined)
  return open === undefined || !(limit > 0) ? undefined : { pid, open: open.length, limit }
}

async function readLocalPorts(proc: string) {
  const range = await textOf(path.join(proc, 'sys/net/ipv4/ip_local_port_range'))
  const [from, to] = (range ?? '').trim().split(/\s+/).map(Number)
  if (from === undefined || to === undefined || !(to >= from)) return undefined
  const tables = await Promise.all(['net/tcp', 'net/tcp6'].map((name) => textOf(path.join(proc, name))))
  const used = new Set<number>()
  for (const line of tables.join('\n').split('\n')) {
    const port = Number.parseInt(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) /.exec(line)?.[1] ?? '', 16)
    if (port >= from && port <= to) used.add(port)
  }
  return { used: used.size, range: to - from + 1 }
}
