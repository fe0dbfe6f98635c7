/**
 * One machine of the lab: a network namespace with files of its own over those in /etc, and the programs it runs.
 *
 * `ip netns exec` lays everything in /etc/netns/NAME over /etc: resolv.conf, hosts, machine-id are those of the machine.
 *
 * @module
 */
import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Daemon, type DaemonOptions } from './daemon.ts'
import { PROGRAM } from './paths.ts'
import { type Finished, finish, type RunOptions, succeed } from './program.ts'

export interface MachineOptions {
  /** Without the prefix of the run: `connector-a`. */
  readonly name: string
  /** Of the run: `bslab-PID`. */
  readonly prefix: string
  /** For logs and state of what runs here. */
  readonly dir: string
}

/** Uid of the service user in the lab: `nobody`, so that file modes mean something. */
export const SERVICE_UID = 65_534

/** Proxies of whoever runs the lab are not those of its machines. */
const CLEAN_ENV: NodeJS.ProcessEnv = {
  PATH: `${path.dirname(PROGRAM)}${path.delimiter}${process.env.PATH}`, // printed commands say just `backstitch`
  ...{ BACKSTITCH_PROXY: undefined, HTTPS_PROXY: undefined, https_proxy: undefined },
  ...{ HTTP_PROXY: undefined, http_proxy: undefined },
  ...{ ALL_PROXY: undefined, all_proxy: undefined, NO_PROXY: undefined, no_proxy: undefined },
  ...{ NODE_OPTIONS: undefined, NODE_TEST_CONTEXT: undefined },
}

/** Whatever becomes of the lab, nothing it started outlives it. */
const MORTAL = ['setpriv', '--pdeathsig', 'KILL']

export class Machine {
  readonly name: string
  readonly namespace: string
  readonly dir: string
  /** On top of that of the lab, for everything that runs here. */
  readonly env: NodeJS.ProcessEnv = { ...CLEAN_ENV }
  /** Environment of every program here that is no part of the lab itself: `NAME=VALUE`. */
  preload: readonly string[] = []
  readonly #running = new Set<Daemon>()

  constructor({ name, prefix, dir }: MachineOptions) {
    this.name = name
    this.namespace = `${prefix}-${name}`
    this.dir = path.join(dir, name)
  }

  async boot(): Promise<void> {
    mkdirSync(this.dir, { recursive: true })
    mkdirSync(this.etcDir, { recursive: true })
    await succeed(['ip', 'netns', 'add', this.namespace])
    await this.succeed('sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv6.conf.all.disable_ipv6=1')
    await this.run('sysctl', '-qw', 'net.ipv4.tcp_congestion_control=cubic') // where the kernel lets us
    await this.succeed('ip', 'link', 'set', 'lo', 'up')
  }

  get etcDir(): string {
    return path.join('/etc/netns', this.namespace)
  }

  /** A file of /etc as this machine sees it. Those that running programs have open change in place. */
  etc(name: string, text: string, mode = 0o644): void {
    const file = path.join(this.etcDir, name)
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  /** A file of the service user here. @returns its path. */
  file(name: string, text: string, { mode = 0o600, uid = SERVICE_UID } = {}): string {
    const file = path.join(this.dir, name)
    writeFileSync(file, text)
    chownSync(file, uid, uid)
    chmodSync(file, mode)
    return file
  }

  folder(name: string): string {
    const folder = path.join(this.dir, name)
    mkdirSync(folder, { recursive: true })
    chmodSync(folder, 0o700)
    chownSync(folder, SERVICE_UID, SERVICE_UID)
    return folder
  }

  /** Runs a program here to its end, as root. */
  run(file: string, ...args: string[]): Promise<Finished> {
    return finish(this.#inside(['env', ...this.preload, file, ...args]), this.#options())
  }

  /** As `run`. @throws {Error} unless it succeeds. */
  succeed(file: string, ...args: string[]): Promise<string> {
    return succeed(this.#inside(['env', ...this.preload, file, ...args]), this.#options())
  }

  /** A line of shell, the way a person types it here. */
  shell(line: string, o: RunOptions = {}): Promise<Finished> {
    return finish(this.#inside(['env', ...this.preload, 'bash', '-c', line]), { ...this.#options(), ...o })
  }

  /** A program that goes on; ended with the machine. */
  start(
    name: string,
    command: readonly string[],
    o: Partial<DaemonOptions> & { user?: boolean; within?: readonly string[] } = {},
  ): Daemon {
    const user = o.user ? [`--reuid=${SERVICE_UID}`, `--regid=${SERVICE_UID}`, '--clear-groups'] : []
    const daemon = new Daemon({
      name: `${this.name}/${name}`,
      command: this.#inside([...(o.within ?? []), ...MORTAL, ...user, 'env', ...this.preload, ...command]),
      logFile: path.join(this.dir, `${name}.log`),
      env: { ...this.env, ...o.env },
      append: o.append,
    })
    this.#running.add(daemon)
    return daemon
  }

  async stop(daemon: Daemon, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#running.delete(daemon)
    await daemon.stop(signal)
  }

  async halt(): Promise<void> {
    await Promise.all([...this.#running].map((daemon) => this.stop(daemon, 'SIGKILL')))
    await finish(['ip', 'netns', 'del', this.namespace])
    rmSync(this.etcDir, { recursive: true, force: true })
  }

  #inside(command: readonly string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.namespace, ...command]
  }

  #options(): RunOptions {
    return { env: this.env }
  }
}
