import path from 'node:path'
import type { Daemon } from './daemon.ts'
import type { Lab } from './lab.ts'
import { PROGRAM } from './paths.ts'
import { EDGE2_NAME } from './topology.ts'

const NAME = 'near'
const PORT = 443

/** `backstitch edge` on the machine edge2, of the same tenant as the server's own edge. Nobody starts it by itself. */
export class SecondEdge {
  readonly #lab: Lab
  #daemon: Daemon | undefined
  #keys = 0

  constructor(lab: Lab) {
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
    const where = ['--state', path.join(edge2.dir, 'state'), '--key-file', key]
    await edge2.succeed('rm', '-rf', path.join(edge2.dir, 'state'))
    this.#daemon = edge2.start('edge', [PROGRAM, 'edge', ...where, '--listen', `0.0.0.0:${PORT}`])
    await this.#daemon.until(
      () => this.#daemon!.lines().some(({ event }) => event === 'control.up'),
      'reach the control plane',
      20_000,
    )
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
