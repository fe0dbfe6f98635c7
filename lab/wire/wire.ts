/**
 * A cable of the lab that delays, loses, reorders, doubles or slows frames: netem where the kernel has it, else a
 * program between two TAP devices. It goes into a cable that is in use and comes out again; addresses stay.
 *
 *     bridge ── plug ══ machine      becomes      bridge ── wa ∙∙∙ wb ── w (a bridge) ── plug ══ machine
 *
 * @module
 */
import { once } from 'node:events'
import net from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import type { Daemon } from '../daemon.ts'
import type { Machine } from '../machine.ts'
import { labProgram, NODE } from '../paths.ts'
import { type Impairment, netemArguments } from './impairment.ts'
import type { WireFigures, WireOrder } from './wire-main.ts'

/** From a port of a bridge to a machine. */
export interface Cable {
  readonly at: Machine
  readonly bridge: string
  readonly plug: string
  readonly to: Machine
  readonly device: string
}

export interface WireOptions {
  readonly seed?: number
  /** A pcap file of every frame that comes through. */
  readonly capture?: string
}

export interface Wire extends AsyncDisposable {
  set(impairment: Impairment): Promise<void>
  /** Nothing where the kernel does it. */
  figures(): Promise<WireFigures | undefined>
}

export async function insertWire(cable: Cable, impairment: Impairment, o: WireOptions = {}): Promise<Wire> {
  const netem = await NetemWire.insert(cable, impairment, o)
  return netem ?? UserWire.insert(cable, impairment, o)
}

class NetemWire implements Wire {
  readonly #cable: Cable
  #capture: Daemon | undefined

  /** @returns nothing where the kernel has no netem. */
  static async insert(cable: Cable, impairment: Impairment, { capture }: WireOptions) {
    const { at, plug } = cable
    const first = await at.run('tc', 'qdisc', 'replace', 'dev', plug, 'root', 'netem', 'limit', '10000')
    if (first.code !== 0) return undefined
    const wire = new NetemWire(cable)
    await wire.set(impairment)
    if (capture !== undefined) {
      wire.#capture = at.start('tcpdump', ['tcpdump', '-U', '-n', '-i', plug, '-w', capture])
    }
    return wire
  }

  private constructor(cable: Cable) {
    this.#cable = cable
  }

  async set(impairment: Impairment): Promise<void> {
    const { at, plug, to, device } = this.#cable
    const settings = ['limit', '10000', ...netemArguments(impairment)]
    await at.succeed('tc', 'qdisc', 'replace', 'dev', plug, 'root', 'netem', ...settings)
    await to.succeed('tc', 'qdisc', 'replace', 'dev', device, 'root', 'netem', ...settings)
  }

  async figures(): Promise<undefined> {}

  async [Symbol.asyncDispose](): Promise<void> {
    const { at, plug, to, device } = this.#cable
    if (this.#capture !== undefined) await at.stop(this.#capture)
    await at.run('tc', 'qdisc', 'del', 'dev', plug, 'root')
    await to.run('tc', 'qdisc', 'del', 'dev', device, 'root')
  }
}

class UserWire implements Wire {
  readonly #cable: Cable
  readonly #relay: Daemon
  readonly #control: string

  static async insert(cable: Cable, impairment: Impairment, { seed = 1, capture }: WireOptions) {
    const { at, bridge, plug, to } = cable
    const names = { far: `wa-${to.name}`, near: `wb-${to.name}`, middle: `w-${to.name}` }
    const control = path.join(at.dir, `wire-${to.name}.sock`)
    const taps = [names.far, names.near] as const
    const order: WireOrder = { taps, control, seed, impairment, capture }
    const main = labProgram('wire/wire-main')
    const relay = at.start(`wire-${to.name}`, [NODE, main, JSON.stringify(order)])
    const wire = new UserWire(cable, relay, control)
    await relay.until(
      async () => (await wire.#ask({})) !== undefined && (await wire.#exist(taps)),
      'make its devices',
      10_000,
    )
    await at.succeed('ip', 'link', 'add', names.middle, 'type', 'bridge')
    // Frames come by twice. Where the firewall is asked about bridged ones, too, what it notes of a connection the first
    // time would hold the second time, and nothing would be masqueraded.
    await at.shell(
      `nft 'table ip ${names.middle} { chain first { type filter hook prerouting priority raw; iifname "${names.middle}" notrack; }; }'`,
    )
    await at.succeed('ip', 'link', 'set', names.middle, 'up')
    await at.succeed('ip', 'link', 'set', names.far, 'master', bridge, 'up')
    await at.succeed('ip', 'link', 'set', names.near, 'master', names.middle, 'up')
    await at.succeed('ip', 'link', 'set', plug, 'master', names.middle)
    return wire
  }

  private constructor(cable: Cable, relay: Daemon, control: string) {
    this.#cable = cable
    this.#relay = relay
    this.#control = control
  }

  async #exist(devices: readonly string[]): Promise<boolean> {
    const found = await Promise.all(
      devices.map((name) => this.#cable.at.run('ip', 'link', 'show', 'dev', name)),
    )
    return found.every(({ code }) => code === 0)
  }

  async set(impairment: Impairment): Promise<void> {
    if ((await this.#ask({ impairment })) === undefined)
      throw new Error(`the wire has exited:\n${this.#relay.tail()}`)
  }

  figures(): Promise<WireFigures | undefined> {
    return this.#ask({})
  }

  async #ask(question: { impairment?: Impairment }): Promise<WireFigures | undefined> {
    const socket = net.connect(this.#control)
    try {
      await once(socket, 'connect')
      socket.write(JSON.stringify(question))
      return JSON.parse(await text(socket)) as WireFigures
    } catch {
      return undefined // not yet, or not any more
    } finally {
      socket.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { at, bridge, plug, to } = this.#cable
    await at.succeed('ip', 'link', 'set', plug, 'master', bridge)
    await at.stop(this.#relay, 'SIGKILL') // its devices go with it
    await at.run('nft', 'delete', 'table', 'ip', `w-${to.name}`)
    await at.run('ip', 'link', 'del', `w-${to.name}`)
  }
}
