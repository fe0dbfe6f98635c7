/**
 * The installation that every conversation goes through, of real programs: a server, an edge of its own that all pipes
 * go over, a connector, a client that runs, and another device of the same user where none runs.
 *
 * @module
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Address, Child } from '../../bench/children.ts'
import { freePort } from '../../bench/ports.ts'
import { readStatus } from '../../src/base/status-socket.ts'
import { findContext } from '../../src/cli/context.ts'
import type { ClientStatus } from '../../src/client/status.ts'
import { until } from '../client-site.ts'
import { Distances } from '../distances.ts'
import { Installation, NO_PROXIES } from '../installation.ts'
import { Records } from './records.ts'

/** The edge of the server is that far, so that nobody uses it. */
const FAR_MS = 100
const EDGE = 'near'
const DRAIN_SECONDS = 20
const ALL = { kind: 'access-rule', name: 'all', order: 1 }

interface Parts {
  readonly installation: Installation
  readonly records: Records
  readonly network: Distances
  readonly local: Address
  readonly agentEnv: NodeJS.ProcessEnv
  readonly edge: { child: Child; readonly address: Address }
  readonly connector: Child
  readonly connectorName: string
  readonly client: Child
  readonly owned: AsyncDisposableStack
}

export class World implements AsyncDisposable {
  readonly installation: Installation
  readonly records: Records
  readonly network: Distances
  /** Of the local proxy. */
  readonly local: Address
  readonly forwards = new DisposableStack()
  readonly agentEnv: NodeJS.ProcessEnv
  #edge: { child: Child; readonly address: Address }
  #connector: Child
  #client: Child
  readonly #connectorName: string
  readonly #owned: AsyncDisposableStack

  private constructor(o: Parts) {
    this.installation = o.installation
    this.records = o.records
    this.network = o.network
    this.local = o.local
    this.agentEnv = o.agentEnv
    this.#edge = o.edge
    this.#connector = o.connector
    this.#connectorName = o.connectorName
    this.#client = o.client
    this.#owned = o.owned
  }

  /** @param patienceMs How long it may take until something is on record. */
  static async open({ patienceMs }: { patienceMs?: number } = {}): Promise<World> {
    await using opening = new AsyncDisposableStack()
    const dir = await mkdtemp(path.join(tmpdir(), 'endings-'))
    opening.defer(() => rm(dir, { recursive: true, force: true }))
    const network = opening.use(await Distances.open())
    // The way out of this device is for names of internet rules, too: those are to be dialled, not proxied.
    const agentEnv = { ...NO_PROXIES, NO_PROXY: 'localhost' }
    const installation = opening.use(
      await Installation.start({
        dir,
        reach: {
          ...{ cidrs: ['127.0.0.1/32'], tcp: ['1-65535'], udp: ['1-65535'] },
          ...{ addressCidrs: ['127.0.0.0/8'], health: 'none' },
        },
        env: { client: agentEnv },
      }),
    )
    const rule = path.join(dir, 'straight.json')
    await writeFile(
      rule,
      JSON.stringify({ kind: 'internet-rule', name: 'straight', action: 'bypass', domains: ['localhost'] }),
    )
    await installation.command('apply', '-f', rule)
    network.lateMs.set(installation.edge.port, FAR_MS)
    await writeFile(installation.proxyFile, `127.0.0.1:${network.port}\n`)
    const edge = await installation.startEdge(EDGE)
    const connectorName = await installation.addConnector()
    const connector = installation.startConnector(connectorName, { drainSeconds: DRAIN_SECONDS })
    const local = { host: '127.0.0.1', port: await freePort() }
    await installation.passed(connector, 6)
    await installation.signIn({ listen: `${local.host}:${local.port}` })
    await installation.signIn({ listen: 'off' }, 'alone')
    const client = await installation.startClient()
    const context = await findContext(path.join(dir, 'server', 'context.json'))
    const records = opening.use(new Records(context, patienceMs))
    const owned = opening.move()
    const parts = { installation, records, network, local, agentEnv, connectorName }
    const world = new World({ ...parts, edge, connector, client, owned })
    await world.settled()
    return world
  }

  /** Resolves when both agents are at the edge that pipes are to go over. */
  async settled(): Promise<void> {
    for (const daemon of [this.#connectorName, 'client']) {
      await until(async () => {
        const status = await this.#status(daemon)
        return status?.edges.some(({ inUse, name }) => inUse && name === EDGE) ?? false
      }, 30_000)
    }
  }

  async #status(daemon: string): Promise<Pick<ClientStatus, 'edges' | 'state'> | undefined> {
    try {
      return (await readStatus(path.join(this.installation.dir, daemon, 'status.sock'))) as ClientStatus
    } catch {
      return undefined // it is starting
    }
  }

  killClient(): Promise<void> {
    return this.installation.stop(this.#client, 'SIGKILL')
  }

  /** Resolves when it has been told what it may reach. */
  async startClient(): Promise<void> {
    this.#client = await this.installation.startClient()
    await until(async () => (await this.#status('client'))?.state === 'connected', 30_000)
  }

  killConnector(): Promise<void> {
    return this.installation.stop(this.#connector, 'SIGKILL')
  }

  /** Tells it to stop: what is open may end within the drain. */
  drainConnector(): void {
    process.kill(this.#connector.pid, 'SIGTERM')
  }

  /** Resolves when it has gone by itself. */
  async connectorGone(): Promise<void> {
    await until(() => !isRunning(this.#connector.pid), 30_000)
  }

  /** Resolves when sessions can go through it. */
  async startConnector(): Promise<void> {
    this.#connector = this.installation.startConnector(this.#connectorName, { drainSeconds: DRAIN_SECONDS })
    await this.installation.passed(this.#connector, 6)
  }

  killEdge(): Promise<void> {
    return this.installation.stop(this.#edge.child, 'SIGKILL')
  }

  /** Resolves when the server has it. */
  async startEdge(): Promise<void> {
    const child = this.installation.runEdge(EDGE, this.#edge.address)
    this.#edge.child = child
    const told = () => this.installation.logged(child, 'edge.told').length > 0
    await this.installation.until(child, told, 'connect to the server')
  }

  /** Whether the one user may reach the applications. */
  async allow(allowed: boolean): Promise<void> {
    const file = path.join(this.installation.dir, 'rule.json')
    await writeFile(file, JSON.stringify({ ...ALL, action: allowed ? 'allow' : 'deny' }))
    await this.installation.command('apply', '-f', file)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.forwards.dispose()
    await this.#owned.disposeAsync()
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
