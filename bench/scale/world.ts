/**
 * A control plane on a real store with so many of everything: the parts of the real one, and agents that are connected
 * as far as the control plane knows.
 *
 * @module
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { silentLog } from '../../src/base/log.ts'
import { connected, type FakeAgent } from '../../src/control/agents/control.fixture.ts'
import { type ControlParts, openParts } from '../../src/control/parts.ts'
import type { Store } from '../../src/store/store.ts'
import { type Made, makeUsual } from './usual-world.ts'
import { makeWorst } from './worst-world.ts'

/**
 * usual: each rule lets one person to one application. worst: rules about everything, a person in a thousand groups,
 * wildcards within wildcards, networks within networks.
 */
export type Shape = 'usual' | 'worst'

export interface World extends AsyncDisposable {
  readonly size: number
  readonly parts: ControlParts
  readonly store: Store
  readonly stateDir: string
  readonly made: Made
  /** Those of `made.connectors`, connected and healthy. */
  readonly connectors: readonly FakeAgent[]
}

const MADE = 'made.json'

/** @param dir Where it is kept: one that is there already is used again. */
async function openWorld(dir: string, shape: Shape, size: number): Promise<World> {
  const stateDir = path.join(dir, `${shape}-${size}`)
  const file = path.join(stateDir, MADE)
  // One that was cut off while it was made is made anew.
  if (!existsSync(file)) rmSync(stateDir, { recursive: true, force: true })
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const parts = await openParts({ stateDir, edge: { host: 'edge.example', port: 443 }, log: silentLog })
  parts.home.port = 443
  if (!existsSync(file)) {
    const make = shape === 'usual' ? makeUsual : makeWorst
    const made = await parts.store.transaction((tx) => make(tx, size))
    writeFileSync(file, JSON.stringify(made))
  }
  const made = JSON.parse(readFileSync(file, 'utf8')) as Made
  const connectors = made.connectors.map((id) => connected('connector', id))
  for (const one of connectors) parts.presence.addConnector(one)
  return {
    ...{ size, parts, store: parts.store, stateDir, made, connectors },
    async [Symbol.asyncDispose]() {
      await parts.store[Symbol.asyncDispose]()
    },
  }
}

/** Those of one size, each made when it is asked for first. */
export class Worlds implements AsyncDisposable {
  readonly #dir: string
  readonly #size: number
  readonly #open = new Map<Shape, World>()

  constructor(dir: string, size: number) {
    this.#dir = dir
    this.#size = size
  }

  async of(shape: Shape): Promise<World> {
    const world = this.#open.get(shape) ?? (await openWorld(this.#dir, shape, this.#size))
    this.#open.set(shape, world)
    return world
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const world of this.#open.values()) await world[Symbol.asyncDispose]()
  }
}
