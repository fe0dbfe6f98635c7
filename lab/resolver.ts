/**
 * The resolver of a data centre: dnsmasq in a healthy lab, bind where a scenario needs a broken zone or views.
 *
 * @module
 */

import { type Daemon, until } from './daemon.ts'
import { findProgram } from './find-program.ts'
import type { Machine } from './machine.ts'
import { ADDRESS, APP_NAME, EDGE_NAME, EDGE2_NAME } from './topology.ts'

/** Addresses by name; a name that is left out does not exist. */
export type Records = Readonly<Record<string, string>>

export const HEALTHY: Records = {
  [EDGE_NAME]: ADDRESS.edge,
  [EDGE2_NAME]: ADDRESS.edge2,
  [APP_NAME]: ADDRESS.app,
}

export class Resolver {
  readonly #machine: Machine
  readonly #address: string
  #daemon: Daemon | undefined

  constructor(machine: Machine, address: string) {
    this.#machine = machine
    this.#address = address
  }

  /** dnsmasq that owns both zones. @param more Lines of its configuration. */
  async serve(records: Records, ...more: readonly string[]): Promise<void> {
    const lines = [
      'user=root',
      'no-resolv',
      'no-hosts',
      'bind-interfaces',
      `listen-address=${this.#address}`,
      'pid-file=',
      'local-ttl=1',
      'neg-ttl=1',
      'local=/example.net/',
      'local=/example.com/',
      ...Object.entries(records).map(([name, address]) => `host-record=${name},${address}`),
      ...more,
    ]
    const file = this.#machine.file('dnsmasq.conf', `${lines.join('\n')}\n`, { mode: 0o644 })
    await this.#replace('dnsmasq', [findProgram('dnsmasq')!, '--keep-in-foreground', `--conf-file=${file}`])
  }

  /** bind, with this configuration after its options. @param files Zone files by name, in its folder. */
  async serveBind(config: string, files: Readonly<Record<string, string>>): Promise<void> {
    const { dir } = this.#machine
    for (const [name, text] of Object.entries(files)) this.#machine.file(name, text, { mode: 0o644 })
    const options = `options { directory "${dir}"; listen-on { ${this.#address}; }; listen-on-v6 { none; };
      recursion no; allow-query { any; }; pid-file none; session-keyfile none; };\ncontrols { };\n`
    const file = this.#machine.file('named.conf', `${options}${config}`, { mode: 0o644 })
    await this.#replace('named', [findProgram('named')!, '-g', '-u', 'root', '-c', file])
  }

  async stop(): Promise<void> {
    if (this.#daemon === undefined) return
    await this.#machine.stop(this.#daemon, 'SIGKILL')
    this.#daemon = undefined
  }

  async #replace(name: string, command: string[]): Promise<void> {
    await this.stop()
    const daemon = this.#machine.start(name, command)
    this.#daemon = daemon
    const listens = async () =>
      (await this.#machine.run('ss', '-Hlun', 'sport = :53')).stdout.includes(this.#address)
    await until(
      async () => {
        if (daemon.ended) throw new Error(`${name} exited:\n${daemon.tail()}`)
        return listens()
      },
      () => `${name} is not listening:\n${daemon.tail()}`,
      10_000,
    )
  }
}
