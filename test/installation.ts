/**
 * A whole Backstitch of real programs: server (control plane and edge), and on demand connectors and a client.
 *
 * Everything is set up the way an operator does it: apply, key create, key file, login, client.yaml.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Address, type Child, Children } from '../bench/children.ts'
import { freePort } from '../bench/ports.ts'
import { readStatus } from '../src/base/status-socket.ts'
import type { ClientStatus } from '../src/client/status.ts'
import { type Command, succeed } from './program.ts'

export const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'backstitch')
export const USER = 'ada'
export const PASSWORD = 'only for tests, in a folder of its own'
const GROUP = 'here'
const CLIENT = 'client'

/** What may be reached, as segments are declared: everyone may. */
export interface Reach {
  readonly domains?: readonly string[]
  readonly cidrs?: readonly string[]
  readonly tcp?: readonly string[]
  readonly udp?: readonly string[]
  readonly addressCidrs?: readonly string[]
  readonly health?: 'none'
}

export interface InstallationOptions {
  /** A folder of its own, for state, configuration and logs. */
  readonly dir: string
  /** bin/backstitch of a bundle, say, in place of that of this checkout. */
  readonly program?: string
  readonly reach: Reach
  /** Of the server. */
  readonly controlPort?: number
  /** On top of the environment of this process, for each role that runs. */
  readonly env?: Partial<Record<Role, NodeJS.ProcessEnv>>
}

type Role = 'server' | 'connector' | 'client' | 'edge'

/** Outbound proxy settings of whoever runs this are not those of the installation. */
export const NO_PROXIES = {
  ...{ BACKSTITCH_PROXY: undefined, HTTPS_PROXY: undefined, https_proxy: undefined },
  ...{ ALL_PROXY: undefined, all_proxy: undefined, NO_PROXY: undefined, no_proxy: undefined },
}

/** So long a start is one that hangs. */
const START_MS = 60_000

export class Installation implements AsyncDisposable {
  readonly dir: string
  readonly edge: Address
  readonly server: Child
  /** Provisioning keys by name of the connector, which deletes its file once it is enrolled. */
  readonly keys = new Map<string, string>()
  /** Its programs: their logs, and whether they still run. */
  readonly children: Children
  readonly #env: Record<Role, NodeJS.ProcessEnv>
  readonly #program: string
  #connectors = 0

  /** Resolves when the server listens and what may be reached is declared. */
  static async start({
    dir,
    program = PROGRAM,
    reach,
    controlPort,
    env = {},
  }: InstallationOptions): Promise<Installation> {
    await using opening = new AsyncDisposableStack()
    const children = opening.use(new Children(dir))
    const edge = { host: '127.0.0.1', port: await freePort() }
    const flags = [
      '--state',
      path.join(dir, 'server'),
      '--listen',
      `${edge.host}:${edge.port}`,
      '--drain',
      '0',
      ...(controlPort === undefined ? [] : ['--control-port', `${controlPort}`]),
    ]
    const roles = {
      server: { ...NO_PROXIES, ...env.server },
      connector: { ...NO_PROXIES, ...env.connector },
      client: { ...NO_PROXIES, ...env.client },
      edge: { ...NO_PROXIES, ...env.edge },
    }
    const server = children.start('server', [program, '--json', 'server', ...flags], { env: roles.server })
    // It takes two seconds of a processor, which many tests share.
    await children.until(server, () => pinOf(server) !== undefined, 'tell its pin', START_MS)
    const installation = new Installation({ dir, program, children, server, edge, env: roles })
    const file = path.join(dir, 'access.yaml')
    writeFileSync(file, declare(reach), { mode: 0o600 })
    await installation.command('apply', '-f', file)
    opening.move()
    return installation
  }

  private constructor(o: {
    dir: string
    program: string
    children: Children
    server: Child
    edge: Address
    env: Record<Role, NodeJS.ProcessEnv>
  }) {
    this.dir = o.dir
    this.#program = o.program
    this.edge = o.edge
    this.server = o.server
    this.children = o.children
    this.#env = o.env
  }

  /** Read by connectors and clients for their way out; absent, it says "straight". Never that of this machine. */
  get proxyFile(): string {
    return path.join(this.dir, 'proxy')
  }

  /** A command of the operator, to its end. @throws {Error} with what it said. */
  command(...args: string[]): Promise<string> {
    const context = path.join(this.dir, 'server', 'context.json')
    return succeed([this.#program, '--context', context, ...args], { env: NO_PROXIES })
  }

  /** A place for a connector, with a key file. @returns its name. */
  async addConnector(): Promise<string> {
    const name = `connector-${++this.#connectors}`
    const key = await this.command('key', 'create', '--group', GROUP)
    this.keys.set(name, key.trim())
    writeFileSync(path.join(this.dir, `${name}.key`), key, { mode: 0o600 })
    return name
  }

  /** Does not wait: `passed` does. Enrols when it has no identity yet. @param config Of connector.yaml. */
  startConnector(name: string, config: object = {}): Child {
    const at = (suffix: string) => path.join(this.dir, `${name}${suffix}`)
    writeFileSync(at('.yaml'), JSON.stringify({ proxyFile: this.proxyFile, drainSeconds: 0, ...config }))
    const flags = ['--config', at('.yaml'), '--state', at(''), '--key-file', at('.key')]
    return this.children.start(name, [this.#program, 'connector', ...flags], { env: this.#env.connector })
  }

  /** One more edge, registered and enrolled. Resolves when the server has it. */
  async startEdge(name: string): Promise<{ readonly child: Child; readonly address: Address }> {
    const { address } = await this.addEdge(name)
    const child = this.runEdge(name, address)
    await this.until(child, () => this.logged(child, 'edge.told').length > 0, 'connect to the server')
    return { child, address }
  }

  /** Registers one more edge, and makes its key. */
  async addEdge(name: string): Promise<{ readonly address: Address; readonly keyFile: string }> {
    const address = { host: '127.0.0.1', port: await freePort() }
    const at = (suffix: string) => path.join(this.dir, `${name}${suffix}`)
    writeFileSync(at('.yaml'), JSON.stringify({ kind: 'edge', name, ...address }))
    await this.command('apply', '-f', at('.yaml'))
    writeFileSync(at('.key'), await this.command('key', 'create', '--edge', name), { mode: 0o600 })
    writeFileSync(at('.conf'), JSON.stringify({ proxyFile: at('.no-proxy') }))
    return { address, keyFile: at('.key') }
  }

  /** Does not wait. */
  runEdge(name: string, { host, port }: Address): Child {
    const at = (suffix: string) => path.join(this.dir, `${name}${suffix}`)
    const where = ['--state', at(''), '--key-file', at('.key'), '--listen', `${host}:${port}`]
    return this.children.start(
      name,
      [this.#program, 'edge', '--config', at('.conf'), ...where, '--drain', '10'],
      {
        env: this.#env.edge,
      },
    )
  }

  /** @param signal SIGTERM by default. */
  stop(child: Child, signal?: NodeJS.Signals): Promise<void> {
    return this.children.stop(child, signal)
  }

  /** Resolves once `child` logged the stage of its bring-up. @returns when that was, in ms since the epoch. */
  async passed(child: Child, stage: number): Promise<number> {
    const line = () => this.logged(child, 'bring-up.passed').find((entry) => entry.stage === stage)
    await this.children.until(
      child,
      () => line() !== undefined,
      `pass stage ${stage} of its bring-up`,
      30_000,
    )
    return Date.parse(line()!.time)
  }

  /** Lines of this event in the log of `child` so far. */
  logged(child: Child, event: string): LogLine[] {
    return readFileSync(child.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.includes(`"${event}"`))
      .map((line) => JSON.parse(line) as LogLine)
  }

  /** Polls `reached` while `child` lives. */
  until(child: Child, reached: () => boolean | Promise<boolean>, what: string): Promise<void> {
    return this.children.until(child, reached, what, 30_000)
  }

  /** Flags of every client command of the one user here, on the device that has the local proxy. */
  get clientFlags(): readonly string[] {
    return this.flagsOf(CLIENT)
  }

  /** The same for another device of that user. */
  flagsOf(device: string): readonly string[] {
    return ['client', '--config', path.join(this.dir, `${device}.yaml`), '--state', this.stateOf(device)]
  }

  stateOf(device: string): string {
    return path.join(this.dir, device)
  }

  /** @param config Of client.yaml. @throws {Error} with what the command said. */
  async signIn(config: object, device = CLIENT): Promise<void> {
    await succeed(this.signInCommand(config, device), { env: NO_PROXIES })
  }

  /** Writes what `client login` reads. @returns The command, for a test that wants to see it fail. */
  signInCommand(config: object, device = CLIENT): Command {
    const passwordFile = path.join(this.dir, 'password')
    writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
    writeFileSync(
      path.join(this.dir, `${device}.yaml`),
      JSON.stringify({ proxyFile: this.proxyFile, ...config }),
    )
    const { host, port } = this.edge
    const where = ['--edge', `${host}:${port}`, '--pin', pinOf(this.server)!]
    const who = ['--user', USER, '--password-file', passwordFile]
    return [this.#program, ...this.flagsOf(device), 'login', ...where, ...who]
  }

  /** Runs the client of the user who signed in. Resolves when it listens. */
  async startClient(): Promise<Child> {
    const client = this.children.start('client', [this.#program, ...this.clientFlags, 'run'], {
      env: this.#env.client,
    })
    // Trying to connect would be a session more, or none, if it is gone before it is looked at. Its log may be at `warn`.
    await this.until(client, () => this.#clientListens(), 'listen')
    return client
  }

  async #clientListens(): Promise<boolean> {
    const status = (await readStatus(path.join(this.stateOf(CLIENT), 'status.sock'))) as
      | ClientStatus
      | undefined
    return status !== undefined && (status.proxy !== undefined || status.forwards.length > 0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.children[Symbol.asyncDispose]()
  }
}

export interface LogLine {
  readonly event: string
  readonly time: string
  readonly [field: string]: unknown
}

function pinOf(server: Child): string | undefined {
  return /"pin": ?"([0-9a-f]+)"/.exec(readFileSync(server.logFile, 'utf8'))?.[1]
}

/** YAML takes JSON as it is. */
function declare(reach: Reach): string {
  const documents = [
    { kind: 'connector-group', name: GROUP },
    { kind: 'server-group', name: GROUP, connectorGroups: [GROUP] },
    { kind: 'segment', name: 'applications', serverGroups: [GROUP], ...reach },
    { kind: 'user', name: USER, password: PASSWORD },
    { kind: 'access-rule', name: 'all', order: 1, action: 'allow' },
  ]
  return documents.map((document) => JSON.stringify(document)).join('\n---\n')
}
