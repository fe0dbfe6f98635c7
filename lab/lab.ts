/**
 * The whole lab: machines, and on them the real server, connectors, client and application.
 *
 * @module
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Cables } from './cables.ts'
import { LabClient, LOCAL_PROXY, PASSWORD, USER } from './client.ts'
import { LabConnector } from './connector.ts'
import { type Daemon, until } from './daemon.ts'
import { Firewall } from './firewall.ts'
import { labProgram, NODE, PROGRAM } from './paths.ts'
import type { Finished } from './program.ts'
import { HEALTHY, Resolver } from './resolver.ts'
import { SecondEdge } from './second-edge.ts'
import { SecondSite } from './second-site.ts'
import { LAB_NAME, sweep, unmountBelow } from './sweep.ts'
import {
  ADDRESS,
  APP_NAME,
  APP_NETWORK,
  APP_PORT,
  EDGE_NAME,
  EDGE2_NAME,
  GROUP,
  type Machines,
  wire,
} from './topology.ts'

/** Several may be up at once in one process. */
let made = 0

const EDGE_PORT = 443
/** Several labs start at once on machines that are busy anyway. */
const START_MS = 120_000

export class Lab implements AsyncDisposable {
  readonly dir: string
  readonly machines: Machines
  readonly resolver: Resolver
  readonly firewall: Firewall
  readonly cables: Cables
  readonly secondEdge: SecondEdge
  readonly secondSite: SecondSite
  readonly client: LabClient
  readonly connectors: { readonly a: LabConnector; readonly b: LabConnector }
  /** With which connector-a enrolled: one use, and that is gone. */
  spentKey = ''
  #server: Daemon | undefined
  #app: Daemon | undefined

  /** Resolves when both connectors are healthy and the user reaches the application. Removes everything if that fails. */
  static async up(say: (line: string) => void = () => {}): Promise<Lab> {
    await sweep()
    const dir = mkdtempSync(path.join(os.tmpdir(), LAB_NAME))
    chmodSync(dir, 0o755) // the service user must get to its own files
    try {
      say('wiring the machines')
      const lab = new Lab(dir, await wire(`${LAB_NAME}${++made}`, dir))
      try {
        await lab.#bringUp(say)
        return lab
      } catch (error) {
        await lab[Symbol.asyncDispose]()
        throw error
      }
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(dir: string, machines: Machines) {
    this.dir = dir
    this.machines = machines
    this.resolver = new Resolver(machines.dns, ADDRESS.dns)
    this.firewall = new Firewall(machines.fw)
    this.cables = new Cables(machines)
    this.secondEdge = new SecondEdge(this)
    this.secondSite = new SecondSite(this)
    for (const [at, machine] of Object.entries(machines).entries()) {
      machine[1].etc('hosts', '127.0.0.1 localhost\n')
      machine[1].etc('machine-id', `${String(at).padStart(2, '0').repeat(16)}\n`, 0o444)
      machine[1].etc('nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
      machine[1].etc('resolv.conf', RESOLV_CONF)
      machine[1].etc('environment', '')
    }
    for (const name of ['edge', 'edge2', 'user'] as const) {
      machines[name].etc('hosts', HOSTS)
    }
    // So that printed commands find it: in an installation it lies where they look.
    machines.edge.env.BACKSTITCH_CONTEXT = path.join(machines.edge.dir, 'server', 'context.json')
    this.client = new LabClient(machines.user)
    this.connectors = {
      a: new LabConnector(machines['connector-a']),
      b: new LabConnector(machines['connector-b']),
    }
  }

  async #bringUp(say: (line: string) => void): Promise<void> {
    say('server, resolver and application')
    this.startApp()
    await Promise.all([this.resolver.serve(HEALTHY), this.#startServer()])
    await this.apply()
    say('connectors and the user')
    this.spentKey = await this.createKey()
    this.connectors.a.key(this.spentKey)
    this.connectors.b.key(await this.createKey())
    for (const connector of [this.connectors.a, this.connectors.b]) connector.start()
    await Promise.all([this.connectors.a.healthy(), this.connectors.b.healthy(), this.#startUser()])
    await this.serves(START_MS)
    say('up: both connectors are healthy, and the user reaches the application')
  }

  startApp(port = APP_PORT, program = 'application-main'): void {
    const main = labProgram(program)
    this.#app = this.machines.app.start('app', [NODE, main, ADDRESS.app, String(port)])
  }

  async stopApp(): Promise<void> {
    if (this.#app !== undefined) await this.machines.app.stop(this.#app, 'SIGKILL')
  }

  /** Stopped, say: it does not end, and does nothing. */
  signalApp(signal: NodeJS.Signals): void {
    this.#app?.signal(signal)
  }

  /** With other flags on top, or without. Who was connected comes back by itself. */
  async restartServer(...more: string[]): Promise<void> {
    await this.machines.edge.stop(this.server)
    await this.#startServer(more)
  }

  async #startServer(more: readonly string[] = []): Promise<void> {
    const flags = ['--listen', `0.0.0.0:${EDGE_PORT}`, '--public-host', EDGE_NAME, '--drain', '0']
    const state = path.join(this.machines.edge.dir, 'server')
    const server = this.machines.edge.start('server', [
      PROGRAM,
      '--json',
      'server',
      '--state',
      state,
      ...flags,
      ...more,
    ])
    this.#server = server
    await server.until(() => this.#pin() !== undefined, 'tell its pin', START_MS)
  }

  /** What keeps the control plane and its own edge. */
  get server(): Daemon {
    return this.#server!
  }

  #pin(): string | undefined {
    return /"pin": ?"([0-9a-f]+)"/.exec(this.#server?.text ?? '')?.[1]
  }

  /** A command of the operator. @throws {Error} with what it said. */
  admin(...args: string[]): Promise<string> {
    const context = path.join(this.machines.edge.dir, 'server', 'context.json')
    return this.machines.edge.succeed(PROGRAM, '--context', context, ...args)
  }

  /** What the control plane thinks of each connector, by id. */
  async connectorStates(): Promise<Map<string, string>> {
    const rows = JSON.parse(await this.admin('--json', 'get', 'connectors')) as {
      id: string
      state: string
    }[]
    return new Map(rows.map(({ id, state }) => [id, state]))
  }

  /** What the client of the user says of itself, and of what it decided last. */
  clientStatus(): Promise<string> {
    return this.client.status()
  }

  /** Applies more than the lab needs. */
  async declare(...documents: object[]): Promise<void> {
    const text = documents.map((document) => JSON.stringify(document)).join('\n---\n')
    await this.admin('apply', '-f', this.machines.edge.file('more.yaml', text, { uid: 0 }))
  }

  /** What is doubtful about what was declared, as data. Asked where the operator is. */
  async lint(): Promise<{ text: string; tookMs: number; command: string }> {
    const command = `backstitch --json --context ${path.join(this.machines.edge.dir, 'server', 'context.json')} lint`
    const { stdout, tookMs } = await this.machines.edge.shell(command)
    return { text: stdout, tookMs, command }
  }

  /** What whoever looks at an object sees. Asked where the operator is. */
  async describe(kind: string, name: string): Promise<{ text: string; tookMs: number; command: string }> {
    const context = path.join(this.machines.edge.dir, 'server', 'context.json')
    const command = `backstitch --context ${context} describe ${kind} ${name}`
    const { stdout, tookMs } = await this.machines.edge.shell(command)
    return { text: stdout, tookMs, command }
  }

  /** The way of the user to the application, hop by hop. Asked where the operator is. */
  trace(port = APP_PORT): Promise<Finished> {
    const context = path.join(this.machines.edge.dir, 'server', 'context.json')
    return this.machines.edge.run(PROGRAM, '--context', context, 'trace', USER, `${APP_NAME}:${port}`)
  }

  /** The same, as a person types it. */
  async traceAsTyped(port = APP_PORT): Promise<{ text: string; tookMs: number; command: string }> {
    const context = path.join(this.machines.edge.dir, 'server', 'context.json')
    const command = `backstitch --context ${context} trace ${USER} ${APP_NAME}:${port}`
    const { stdout, tookMs } = await this.machines.edge.shell(command)
    return { text: stdout, tookMs, command }
  }

  async createKey(...flags: string[]): Promise<string> {
    return this.admin('key', 'create', '--group', GROUP, ...flags)
  }

  /**
   * @param segment What differs from the healthy declaration.
   * @param rule What differs from the rule that lets everybody in.
   */
  async apply(segment: object = {}, rule: object = {}): Promise<void> {
    const documents = [
      { kind: 'connector-group', name: GROUP },
      { kind: 'server-group', name: GROUP, connectorGroups: [GROUP] },
      {
        ...{ kind: 'segment', name: 'app', serverGroups: [GROUP] },
        ...{ domains: [APP_NAME], tcp: [String(APP_PORT)], addressCidrs: [APP_NETWORK] },
        ...segment,
      },
      { kind: 'user', name: USER, password: PASSWORD },
      { kind: 'access-rule', name: 'all', order: 1, action: 'allow', ...rule },
    ]
    const text = documents.map((document) => JSON.stringify(document)).join('\n---\n')
    await this.admin('apply', '-f', this.machines.edge.file('access.yaml', text, { uid: 0 }))
  }

  async #startUser(): Promise<void> {
    await this.client.signInFirst(EDGE_PORT, this.#pin()!)
    this.client.start()
  }

  /** One request of the user through client, edge and a connector. @returns What came, or nothing. */
  async ask(pathname = '/', seconds = 8): Promise<string | undefined> {
    const url = `http://${APP_NAME}:${APP_PORT}${pathname}`
    const flags = ['-sS', '--max-time', String(seconds), '--socks5-hostname', LOCAL_PROXY]
    const { code, stdout } = await this.machines.user.run('curl', ...flags, url)
    return code === 0 ? stdout : undefined
  }

  /**
   * What the user's browser gets: a page of the application, or a page of the client that says why not.
   *
   * @param uid Of another user of the machine, who asks instead.
   */
  async browse(
    host = APP_NAME,
    port = APP_PORT,
    scheme = 'http',
    uid?: number,
  ): Promise<{ text: string; tookMs: number; command: string }> {
    const as = uid === undefined ? '' : `setpriv --reuid=${uid} --regid=${uid} --clear-groups `
    const command = `${as}curl -sS --max-time 20 -x http://${LOCAL_PROXY} ${scheme}://${host}:${port}/`
    const { stdout, tookMs } = await this.machines.user.shell(command)
    return { text: stdout, tookMs, command }
  }

  /** @throws {Error} unless the user reaches the application within this time. */
  serves(timeoutMs = 20_000): Promise<void> {
    return until(
      async () => (await this.ask())?.includes('app.dc1 answers') === true,
      () => 'the user does not reach the application',
      timeoutMs,
    )
  }

  /**
   * Everything as it was at the start, whatever a scenario did to it: nobody remembers, and nobody waits to try again.
   *
   * @param touched Connectors that something happened to.
   */
  async repair(touched: readonly LabConnector[] = Object.values(this.connectors)): Promise<void> {
    await Promise.all([
      this.firewall.clear(),
      this.cables.clear(),
      this.secondEdge.remove(),
      this.secondSite.remove(),
    ])
    for (const machine of [this.machines['connector-a'], this.machines['connector-b']]) {
      machine.etc('resolv.conf', RESOLV_CONF)
    }
    await this.resolver.serve(HEALTHY)
    const both = [this.connectors.a, this.connectors.b]
    await Promise.all(touched.map((connector) => connector.refresh()))
    await Promise.all(both.map((connector) => connector.healthy()))
    await this.#dismissOthers()
    await this.serves()
  }

  /** Connectors that were enrolled anew leave their former selves behind. */
  async #dismissOthers(): Promise<void> {
    const own = [this.connectors.a.id, this.connectors.b.id]
    for (const [id, state] of await this.connectorStates()) {
      if (state === 'disconnected' && !own.includes(id)) await this.admin('delete', 'connector', id)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.machines).map((machine) => machine.halt()))
    await unmountBelow(this.dir)
    rmSync(this.dir, { recursive: true, force: true })
  }
}

/** Outside, nobody asks the resolver of the data centre. */
const HOSTS = `127.0.0.1 localhost\n${ADDRESS.edge} ${EDGE_NAME}\n${ADDRESS.edge2} ${EDGE2_NAME}\n`

/** Short times: a person who waits for a resolver learns nothing. */
export const RESOLV_CONF = `nameserver ${ADDRESS.dns}\noptions timeout:1 attempts:2\n`
