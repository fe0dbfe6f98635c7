import path from 'node:path'
import type { Daemon } from './daemon.ts'
import { type Consultation, consultAt } from './doctor.ts'
import { PROGRAM } from './paths.ts'
import { EDGE2_NAME, type Machines } from './topology.ts'

const NAME = 'near'
const PORT = 443

/** Of the lab: where the edge runs, and who runs the server. */
interface Around {
  readonly machines: Machines
  admin(...args: string[]): Promise<string>
}

/** `backstitch edge` on the machine edge2, of the same tenant as the server's own edge. Nobody starts it by itself. */
export class SecondEdge {
  readonly #lab: Around
  #daemon: Daemon | undefined
  #keys = 0

  constructor(lab: Around) {
    this.#lab = lab
  }

  /** Resolves when the control plane knows it: agents hear of it at once, and measure it. */
  async start({ region = 'dc1' } = {}): Promise<void> {
    const { edge, edge2 } = this.#lab.machines
    const object = { kind: 'edge', name: NAME, host: EDGE2_NAME, port: PORT, region }
    await this.#lab.admin('apply', '-f', edge.file('edge2.yaml', JSON.stringify(object), { uid: 0 }))
    const key = edge2.file(
      'provision_key',
      await this.#lab.admin('key', 'create', '--edge', NAME, '--name', this.#nextKey()),
      {
        uid: 0,
      },
    )
    await edge2.succeed('rm', '-rf', this.#state)
    this.run('--key-file', key)
    await this.#daemon!.until(
      () => this.#daemon!.lines().some(({ event }) => event === 'control.up'),
      'reach the control plane',
      20_000,
    )
  }

  /** Does not wait. */
  run(...flags: string[]): void {
    const where = ['--state', this.#state, '--listen', `0.0.0.0:${PORT}`]
    this.#daemon = this.#lab.machines.edge2.start('edge', [PROGRAM, 'edge', ...where, ...flags])
  }

  get #state(): string {
    return path.join(this.#lab.machines.edge2.dir, 'state')
  }

  /** The doctor on its machine. */
  async consult(): Promise<Consultation> {
    const asked = ['doctor', 'edge', '--state', this.#state]
    const said = await consultAt(this.#lab.machines.edge2, asked)
    return { ...said, command: 'sudo backstitch doctor edge' }
  }

  /** What the control plane thinks of it. */
  async isConnected(): Promise<boolean> {
    const rows = JSON.parse(await this.#lab.admin('--json', 'get', 'edges')) as {
      name: string
      state: string
    }[]
    return rows.some(({ name, state }) => name === NAME && state === 'connected')
  }

  get #key(): string {
    return `${NAME}-${this.#keys}`
  }

  #nextKey(): string {
    this.#keys++
    return this.#key
  }

  get daemon(): Daemon | undefined {
    return this.#daemon
  }

  /** As after `kill -9`; the control plane still knows of it. */
  async kill(): Promise<void> {
    if (this.#daemon !== undefined) await this.#lab.machines.edge2.stop(this.#daemon, 'SIGKILL')
  }

  /** It was never there. */
  async remove(): Promise<void> {
    if (this.#daemon === undefined) return
    await this.kill()
    this.#daemon = undefined
    await this.#lab.admin('delete', 'key', this.#key)
    await this.#lab.admin('delete', 'edge', NAME)
  }
}
