/**
 * chisel: client → server ← client, SSH in a WebSocket on each hop. The far side's ports stand at the server.
 *
 * @module
 */

import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { freePort } from '../ports.ts'
import { chainLinks, entrances } from './chain.ts'

export const chisel: Peer = {
  name: 'chisel',
  title: 'chisel, SSH in WebSocket',
  protection: 'each hop, decrypted at the edge',
  commands: ['chisel'],
  packages: [],
  version: ['chisel', '--version'],
  lacks: 'policy, records; secrecy from the edge',
  start,
}

async function start({ dir, application }: Site): Promise<Path> {
  await using opening = new AsyncDisposableStack()
  const children = opening.use(new Children(dir))
  const links = await chainLinks(application.at)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const auth = ['--auth', 'bench:only-for-the-bench']
  const serve = ['server', '--reverse', '--host', '127.0.0.1', '-p', `${port}`, ...auth] as const
  const edge = children.start('edge', ['chisel', ...serve])
  await children.listening(edge, { host: '127.0.0.1', port })
  const back = links.map(({ relay, application: { host, port } }) => `R:127.0.0.1:${relay}:${host}:${port}`)
  const connector = children.start('connector', ['chisel', 'client', ...auth, url, ...back])
  for (const { relay } of links) await children.listening(connector, { host: '127.0.0.1', port: relay })
  const forth = links.map(({ user, relay }) => `127.0.0.1:${user}:127.0.0.1:${relay}`)
  const client = children.start('client', ['chisel', 'client', ...auth, url, ...forth])
  await children.listening(client, { host: '127.0.0.1', port: links[0]!.user })
  opening.move()
  return {
    to: entrances(links),
    processes: { client: [client.pid], edge: [edge.pid], connector: [connector.pid] },
    children,
    [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
  }
}
