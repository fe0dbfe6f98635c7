/**
 * The connector of one machine of the lab: the real program as its service user, and what it says of itself.
 *
 * @module
 */
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { readStatus } from '../src/base/status-socket.ts'
import type { Daemon, LogLine } from './daemon.ts'
import { type Machine, SERVICE_UID } from './machine.ts'
import { PROGRAM } from './paths.ts'

interface Status {
  readonly state: string
  readonly pid: number
  readonly id?: string
  readonly clockSkewMs?: number
  readonly notes: readonly { readonly code: string }[]
  readonly waiting?: readonly object[]
  readonly stages: readonly { stage: number; state: string; fault?: { code: string; hop: string } }[]
}

export class LabConnector {
  readonly machine: Machine
  readonly stateDir: string
  readonly keyFile: string
  readonly proxyFile: string
  readonly configFile: string
  /** Command before the program, as root: `prlimit --nofile=64`, or the `within` of a cgroup. For the next start. */
  within: readonly string[] = []
  /** By which the control plane knows it, as it last said. */
  id: string | undefined
  #daemon: Daemon | undefined

  constructor(machine: Machine) {
    this.machine = machine
    this.stateDir = machine.folder('state')
    this.keyFile = path.join(machine.dir, 'provision_key')
    this.proxyFile = path.join(machine.dir, 'proxy')
    machine.file('machine.json', this.factors, { mode: 0o644, uid: 0 })
    this.configFile = path.join(machine.dir, 'connector.yaml')
    this.configure()
    // So that printed commands find it: in an installation it lies where they look.
    machine.env.BACKSTITCH_CONFIG = this.configFile
  }

  /** What the next start reads. @param more On top of what the lab needs. */
  configure(more: object = {}): void {
    const { stateDir, keyFile, proxyFile, machine } = this
    const gatheredFile = path.join(machine.dir, 'machine.json')
    const config = { stateDir, keyFile, proxyFile, gatheredFile, drainSeconds: 0, ...more }
    machine.file('connector.yaml', JSON.stringify(config), { mode: 0o644, uid: 0 })
  }

  key(text: string, o: { mode?: number; uid?: number } = {}): void {
    rmSync(this.keyFile, { force: true })
    this.machine.file('provision_key', text, o)
  }

  /** What the proxy file says from now on. */
  proxy(text: string): void {
    this.machine.file('proxy', `${text}\n`)
  }

  start(env: NodeJS.ProcessEnv = {}): void {
    const append = existsSync(path.join(this.machine.dir, 'connector.log'))
    this.#daemon = this.machine.start('connector', [PROGRAM, 'connector', '--config', this.configFile], {
      ...{ user: true, env, append, within: this.within },
    })
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error(`${this.machine.name} has no connector`)
    return this.#daemon
  }

  get runs(): boolean {
    return this.#daemon !== undefined && !this.#daemon.ended
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#daemon !== undefined) await this.machine.stop(this.#daemon, signal)
  }

  /** As after a quiet week: what happened to it a moment ago is no part of what comes next. */
  async refresh(): Promise<void> {
    await this.stop()
    rmSync(path.join(this.stateDir, 'outages.json'), { force: true })
    this.start()
  }

  /** Forgets that it ever enrolled. */
  async wipe(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.stateDir, { recursive: true, force: true })
    this.machine.folder('state')
  }

  async status(): Promise<Status | undefined> {
    const file = path.join(this.stateDir, 'status.sock')
    const status = (await readStatus(file).catch(() => undefined)) as Status | undefined
    this.id = status?.id ?? this.id
    return status
  }

  async healthy(timeoutMs = 60_000): Promise<void> {
    await this.daemon.until(
      async () => (await this.status())?.state === 'healthy',
      'become healthy',
      timeoutMs,
    )
  }

  /** Log lines from `mark` on that name a fault. */
  faults(mark: number): LogLine[] {
    return this.daemon.lines(mark).filter(({ code }) => code !== undefined)
  }

  /** What root gathers of virtual hardware. */
  get factors(): string {
    return machineFactors(this.machine)
  }

  get user(): number {
    return SERVICE_UID
  }
}

/** Machines of the lab share one kernel; what virtual hardware would differ in is given the way a service is given it. */
function machineFactors({ name }: Machine): string {
  const hex = Buffer.from(name.padEnd(16, '.')).toString('hex').slice(0, 12)
  return JSON.stringify({ productUuid: `5a7e1ab0-0000-4000-8000-${hex}`, rootDisk: `lab-disk-${name}` })
}
