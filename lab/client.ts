/**
 * The client of the lab's user: signed in once, and then the real program with its local proxy.
 *
 * @module
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Profile } from '../src/client/uplink/profile.ts'
import type { Daemon } from './daemon.ts'
import type { Machine } from './machine.ts'
import { PROGRAM } from './paths.ts'
import { APP_NAME, APP_PORT, EDGE_NAME } from './topology.ts'

export const USER = 'ada'
export const PASSWORD = 'only for the lab, and only while it is up'
export const LOCAL_PROXY = '127.0.0.1:9180'

export class LabClient {
  readonly machine: Machine
  #daemon: Daemon | undefined

  constructor(machine: Machine) {
    this.machine = machine
    this.#configure([])
    machine.file('password', PASSWORD, { uid: 0 })
    // So that printed commands find them: in an installation they lie where they look.
    machine.env.BACKSTITCH_CLIENT_CONFIG = path.join(machine.dir, 'client.yaml')
    machine.env.BACKSTITCH_CLIENT_STATE = this.stateDir
  }

  get stateDir(): string {
    return path.join(this.machine.dir, 'state')
  }

  /** What a person types who is told to sign in; the password comes from a file. @param flags What only the first time needs. */
  async signIn(...flags: readonly string[]): Promise<void> {
    const password = ['--password-file', path.join(this.machine.dir, 'password')]
    await this.machine.succeed(PROGRAM, 'client', 'login', ...password, ...flags)
  }

  signInFirst(port: number, pin: string): Promise<void> {
    return this.signIn('--user', USER, '--edge', `${EDGE_NAME}:${port}`, '--pin', pin)
  }

  start(): void {
    const append = existsSync(path.join(this.machine.dir, 'client.log'))
    const command = [PROGRAM, 'client', 'run', '--listen', LOCAL_PROXY]
    this.#daemon = this.machine.start('client', command, { append })
  }

  /** What it has written so far. */
  get log(): string {
    return this.#daemon?.text ?? ''
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#daemon !== undefined) await this.machine.stop(this.#daemon, signal)
  }

  /** Starts it anew with the users of this machine, besides its own, who may go through it. */
  async allow(uids: readonly number[]): Promise<void> {
    this.#configure(uids)
    await this.stop()
    this.start()
  }

  #configure(allowUsers: readonly number[]): void {
    const proxyFile = path.join(this.machine.dir, 'proxy')
    this.machine.file('client.yaml', JSON.stringify({ proxyFile, allowUsers }), { uid: 0 })
  }

  /** What it says of itself, and of what it decided last. */
  async status(): Promise<string> {
    return (await this.machine.run(PROGRAM, 'client', 'status')).stdout
  }

  /** As the state directory has it. */
  get profile(): Profile {
    return JSON.parse(readFileSync(path.join(this.stateDir, 'profile.json'), 'utf8')) as Profile
  }

  /** A session that stays open until it is stopped. Resolves when it carries something. */
  async download(): Promise<Daemon> {
    const file = this.#downloaded
    rmSync(file, { force: true })
    const slowly = ['-sS', '--limit-rate', '20k', '--socks5-hostname', LOCAL_PROXY, '-o', file]
    const url = `http://${APP_NAME}:${APP_PORT}/bytes/99999999`
    const download = this.machine.start('download', ['curl', ...slowly, url])
    await download.until(() => existsSync(file), 'carry something', 20_000)
    return download
  }

  /** What the last of them has carried so far. */
  get downloadedBytes(): number {
    return statSync(this.#downloaded).size
  }

  get #downloaded(): string {
    return path.join(this.machine.dir, 'downloaded')
  }
}
