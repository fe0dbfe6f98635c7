/**
 * An installation with so many workers at its edge or connector, each to be put in an equal small share of a core, and
 * clients enough to give every one of them something to do.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Cgroup } from '../../lab/cgroup.ts'
import { takesConnections } from '../../src/base/takes-connections.ts'
import { type Installation, PROGRAM } from '../../test/installation.ts'
import type { Services } from '../application.ts'
import { forwardsTo, install } from '../installation.ts'
import type { Site } from '../path.ts'
import { HEALTHY } from '../peers/backstitch.ts'
import { cpuSeconds, descendants } from '../usage.ts'
import { Unmeasurable } from '../workload.ts'

export const WORKER_ROLES = ['edge', 'connector'] as const
export type WorkerRole = (typeof WORKER_ROLES)[number]

/** Of a core. The kernel gives 1 ms in a period at least, and four shares must fit beside all others on two cores. */
const SHARES = {
  edge: { cpuPercent: 2, periodUs: 50_000 },
  connector: { cpuPercent: 5, periodUs: 20_000 },
} satisfies Record<WorkerRole, object>
const WORKERS_MS = 20_000
const POLL_MS = 100
let groups = 0

/** Whether this version has workers there. */
export function hasWorkers(role: WorkerRole): boolean {
  const entry = path.join('src', 'cli', 'workers', `${role}-worker-main.ts`)
  return existsSync(path.join(import.meta.dirname, '..', '..', entry))
}

/** Why no process can be given a share here. */
export async function lackingShares(): Promise<string | undefined> {
  try {
    await using _group = new Cgroup(`backstitch-bench-${process.pid}`, SHARES.edge)
    return undefined
  } catch {
    return 'no cgroup that may be written: needs root, and the processor controller mounted'
  }
}

export class Crowd implements AsyncDisposable {
  readonly installation: Installation
  /** Where each client leads. */
  readonly entrances: Services[] = []
  readonly #application: Services
  readonly #role: WorkerRole
  readonly #owned = new AsyncDisposableStack()
  #carriers: readonly number[] = []

  /** @throws {Error} when there are not as many workers as were asked for. */
  static async start(site: Site, role: WorkerRole, workers: number): Promise<Crowd> {
    const env = { [role === 'edge' ? 'server' : role]: { BACKSTITCH_WORKERS: `${workers}` } }
    const crowd = new Crowd(await install(site, env), site.application.at, role)
    try {
      const { installation } = crowd
      const connector = installation.startConnector(await installation.addConnector())
      await installation.passed(connector, HEALTHY)
      const root = role === 'edge' ? installation.server : connector
      crowd.#carriers = await carriers(root.pid, role, workers)
      return crowd
    } catch (error) {
      await crowd[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(installation: Installation, application: Services, role: WorkerRole) {
    this.#role = role
    this.installation = this.#owned.use(installation)
    this.#application = application
  }

  async addClient(): Promise<void> {
    const device = `client-${this.entrances.length + 1}`
    const { to, forwards } = await forwardsTo(this.#application)
    const { installation } = this
    await installation.signIn({ listen: 'off', forwards }, device)
    const command = [PROGRAM, ...installation.flagsOf(device), 'run'] as const
    const child = installation.children.start(device, [...command], { env: { BACKSTITCH_LOG_LEVEL: 'warn' } })
    await installation.children.until(child, () => takesConnections(to.echo), 'listen')
    this.entrances.push(to)
  }

  /** From now on each worker has its share, and no more. Before, code is compiled, which takes long in one. */
  limit(): void {
    for (const pid of this.#carriers) {
      this.#owned.use(new Cgroup(`backstitch-bench-${process.pid}-${++groups}`, SHARES[this.#role])).add(pid)
    }
  }

  /** @returns when called: how many workers have been about as busy as the busiest since. */
  watch(): () => number {
    const look = () => this.#carriers.map((pid) => cpuSeconds([pid]))
    const before = look()
    return () => {
      const used = look().map((seconds, each) => seconds - before[each]!)
      return used.filter((seconds) => seconds > Math.max(...used) / 3).length
    }
  }

  /** Those in shares get the whole machine to end in. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned[Symbol.asyncDispose]()
  }
}

/** The processes that carry data below `root`, once there are as many as there must be. */
async function carriers(root: number, role: WorkerRole, workers: number): Promise<number[]> {
  const wanted = `backstitch: ${role} worker`
  const endMs = performance.now() + WORKERS_MS
  for (;;) {
    const found = [root, ...descendants(root)].filter((pid) => nameOf(pid).startsWith(wanted))
    if (found.length === workers) return found
    if (performance.now() > endMs) {
      throw new Unmeasurable(`Cannot measure ${workers} workers of the ${role}: it has ${found.length}`)
    }
    await delay(POLL_MS)
  }
}

/** What it calls itself. */
function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}
