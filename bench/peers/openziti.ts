/**
 * OpenZiti: tunneller (proxy) → router → tunneller (host), encrypted between the tunnellers and once more per hop. Its
 * quickstart runs controller and router in one process, as ours runs control plane and edge for the small.
 *
 * @module
 */

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Children } from '../children.ts'
import { run } from '../isolation.ts'
import type { Path, Peer, Site } from '../path.ts'
import { freePort } from '../ports.ts'
import { chainLinks, entrances, type Link } from './chain.ts'

export const openZiti: Peer = {
  name: 'openziti',
  title: 'OpenZiti, quickstart, tunnel host and proxy',
  protection: 'end to end + hop',
  commands: ['ziti'],
  packages: [],
  version: ['ziti', '--version'],
  lacks: '',
  start,
}

/** What a terminator is good for is not at once what the router dials. */
const SETTLE_MS = 3000

async function start({ dir, application }: Site): Promise<Path> {
  await using opening = new AsyncDisposableStack()
  const children = opening.use(new Children(dir))
  const links = await chainLinks(application.at)
  const [controlPort, routerPort] = [await freePort(), await freePort()]
  // Nothing of the person who runs this is read or written.
  const home = path.join(dir, 'home')
  mkdirSync(home)
  const env = { HOME: home }
  const ziti = (...args: string[]) => run('ziti', args, env)
  const at = (name: string) => path.join(dir, name)

  const network = ['--ctrl-address', 'localhost', '--ctrl-port', `${controlPort}`]
  const router = ['--router-address', 'localhost', '--router-port', `${routerPort}`]
  const who = ['-u', 'admin', '-p', 'admin']
  const quickstart = ['edge', 'quickstart', '--home', at('network'), ...network, ...router, ...who]
  const edge = children.start('edge', ['ziti', ...quickstart], { env })
  const login = () => ziti('edge', 'login', `localhost:${controlPort}`, ...who, '-y')
  await children.until(edge, () => succeeds(login), 'take a login')
  const routerIsHere = () => ziti('edge', 'list', 'edge-routers', '-j').includes('"isOnline": true')
  await children.until(edge, routerIsHere, 'bring its router up')

  for (const link of links) declare(link, ziti)
  for (const [name, type] of [
    ['near', 'Dial'],
    ['far', 'Bind'],
  ] as const) {
    ziti('edge', 'create', 'identity', name, '-a', name, '-o', at(`${name}.jwt`))
    ziti('edge', 'enroll', at(`${name}.jwt`), '-o', at(`${name}.json`))
    const roles = ['--service-roles', '#bench', '--identity-roles', `#${name}`]
    ziti('edge', 'create', 'service-policy', name, type, ...roles)
  }
  const connector = children.start('connector', ['ziti', 'tunnel', 'host', '-i', at('far.json')], { env })
  const hosted = () => {
    const terminators = ziti('edge', 'list', 'terminators', '-j')
    return links.every(({ service }) => terminators.includes(`"${service}"`))
  }
  await children.until(connector, hosted, 'host every service')
  await delay(SETTLE_MS)
  const entries = links.map(({ service, user }) => `${service}:${user}`)
  const proxy = ['tunnel', 'proxy', '-i', at('near.json'), ...entries] as const
  const client = children.start('client', ['ziti', ...proxy], { env })
  for (const { user } of links) await children.listening(client, { host: '127.0.0.1', port: user })
  opening.move()
  return {
    to: entrances(links),
    processes: { client: [client.pid], edge: [edge.pid], connector: [connector.pid] },
    children,
    [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
  }
}

function declare({ service, application }: Link, ziti: (...args: string[]) => string): void {
  const host = { protocol: 'tcp', address: application.host, port: application.port }
  ziti('edge', 'create', 'config', `${service}.host`, 'host.v1', JSON.stringify(host))
  ziti('edge', 'create', 'service', service, '--configs', `${service}.host`, '-a', 'bench')
}

function succeeds(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}
