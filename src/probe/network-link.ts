import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { NoDefaultRoute, readDefaultInterface } from './default-route.ts'

/** Whether this machine can send anything to elsewhere at all. */
export interface LinkFacts {
  /** The interface that the default route leaves by; none: there is no default route. */
  readonly name?: string
  /** What the kernel says of it: `up`, `unknown` (a tunnel), `down`, `lowerlayerdown`. */
  readonly state?: string
  /** Interfaces that are switched on, have a carrier and an address; without loopback. */
  readonly running: readonly string[]
  /** Interfaces with hardware behind them, running or not: bridges and tunnels stay when every cable is out. */
  readonly cards: readonly string[]
}

/** @param root Where the file system starts. @throws what keeps the routes from being read: that is not to have none. */
export async function lookAtLink(root = '/'): Promise<LinkFacts> {
  const addresses = Object.entries(os.networkInterfaces())
  const running = addresses
    .filter(([, own = []]) => own.some(({ internal }) => !internal))
    .map(([name]) => name)
  const known = path.join(root, 'sys/class/net')
  const all = await readdir(known).catch(() => [])
  const cards = all.filter((name) => existsSync(path.join(known, name, 'device')))
  const name = await readDefaultInterface(root).catch((error: unknown) => {
    if (error instanceof NoDefaultRoute) return undefined
    throw error
  })
  if (name === undefined) return { running, cards }
  const state = await readFile(path.join(known, name, 'operstate'), 'utf8').catch(() => '')
  return { name, state: state.trim() || undefined, running, cards }
}
