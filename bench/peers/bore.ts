/**
 * bore: two parts and no encryption. The far side dials the server, whose ports the user connects to as they are.
 *
 * @module
 */

import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { chainLinks, entrances } from './chain.ts'

export const bore: Peer = {
  name: 'bore',
  title: 'bore, two parts',
  protection: 'none',
  commands: ['bore'],
  packages: [],
  version: ['bore', '--version'],
  lacks: 'encryption, a part at the user, users, policy, records',
  start,
}

/** Its control port cannot be chosen, so each one that runs has an address of its own. */
const CONTROL_PORT = 7835
let started = 0

async function start({ dir, application }: Site): Promise<Path> {
  await using opening = new AsyncDisposableStack()
  const children = opening.use(new Children(dir))
  const links = await chainLinks(application.at)
  const host = `127.0.3.${++started}`
  const serve = ['--min-port', '1024', '--bind-addr', host, '--bind-tunnels', '127.0.0.1']
  const env = { RUST_LOG: 'warn' }
  const edge = children.start('edge', ['bore', 'server', ...serve], { env })
  await children.listening(edge, { host, port: CONTROL_PORT })
  const connectors: number[] = []
  for (const { service, user, application: at } of links) {
    const local = ['local', `${at.port}`, '-l', at.host, '--to', host, '-p', `${user}`]
    const connector = children.start(service, ['bore', ...local], { env })
    await children.listening(connector, { host: '127.0.0.1', port: user })
    connectors.push(connector.pid)
  }
  opening.move()
  return {
    to: entrances(links),
    processes: { edge: [edge.pid], connector: connectors },
    children,
    [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
  }
}
