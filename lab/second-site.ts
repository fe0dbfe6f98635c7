/**
 * The second data centre: its own way out, resolver, connector and a second instance of the application. It stands
 * dark until a scenario switches it on.
 *
 * @module
 */
import { LabConnector } from './connector.ts'
import type { Daemon } from './daemon.ts'
import { labProgram, NODE } from './paths.ts'
import { Resolver } from './resolver.ts'
import {
  ADDRESS,
  APP_NAME,
  APP_NETWORK,
  APP_PORT,
  APP2_NETWORK,
  EDGE_NAME,
  EDGE2_NAME,
  GROUP,
  type Machines,
} from './topology.ts'

const SITE = 'standby'

/** Of the lab: the machines, and what the operator declares. */
interface Around {
  readonly machines: Machines
  admin(...args: string[]): Promise<string>
  apply(segment?: object): Promise<void>
  declare(...documents: object[]): Promise<void>
}

export class SecondSite {
  readonly #lab: Around
  readonly #resolver: Resolver
  readonly connector: LabConnector
  #app: Daemon | undefined

  constructor(lab: Around) {
    this.#lab = lab
    this.#resolver = new Resolver(lab.machines.dns2, ADDRESS.dns2)
    this.connector = new LabConnector(lab.machines['connector-c'])
  }

  /** Resolves when its connector is healthy; its group takes over when the first one has nobody left. */
  async start(): Promise<void> {
    const { app2, 'connector-c': machine } = this.#lab.machines
    const main = labProgram('application-main')
    this.#app = app2.start('app', [NODE, main, ADDRESS.app2, String(APP_PORT)])
    await this.#resolver.serve({
      ...{ [EDGE_NAME]: ADDRESS.edge, [EDGE2_NAME]: ADDRESS.edge2, [APP_NAME]: ADDRESS.app2 },
    })
    machine.etc('resolv.conf', `nameserver ${ADDRESS.dns2}\noptions timeout:1 attempts:2\n`)
    await this.#lab.apply({ addressCidrs: [APP_NETWORK, APP2_NETWORK] })
    await this.#lab.declare(
      { kind: 'connector-group', name: SITE },
      {
        ...{ kind: 'server-group', name: GROUP },
        ...{ connectorGroups: [GROUP], failoverConnectorGroups: [SITE] },
      },
    )
    this.connector.key(await this.#lab.admin('key', 'create', '--group', SITE, '--name', SITE))
    this.connector.start()
    await this.connector.healthy()
  }

  /** Dark again, and nobody remembers it. */
  async remove(): Promise<void> {
    if (this.#app === undefined) return
    await this.connector.status()
    await this.connector.wipe()
    await this.#resolver.stop()
    await this.#lab.machines.app2.stop(this.#app, 'SIGKILL')
    this.#app = undefined
    await this.#lab.apply()
    await this.#lab.declare({
      ...{ kind: 'server-group', name: GROUP, connectorGroups: [GROUP], failoverConnectorGroups: [] },
    })
    if (this.connector.id !== undefined) await this.#lab.admin('delete', 'connector', this.connector.id)
    await this.#lab.admin('delete', 'key', SITE)
    await this.#lab.admin('delete', 'connector-group', SITE)
  }
}
