/**
 * rathole: two parts. The far side dials the server (Noise), whose ports the user connects to as they are.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { Children } from '../children.ts'
import { run } from '../isolation.ts'
import type { Path, Peer, Site } from '../path.ts'
import { freePort } from '../ports.ts'
import { chainLinks, entrances } from './chain.ts'

export const rathole: Peer = {
  name: 'rathole',
  title: 'rathole, Noise, two parts',
  protection: 'one hop of two',
  commands: ['rathole'],
  packages: [],
  version: ['rathole', '--version'],
  lacks: 'a part at the user, users, policy, records; secrecy from the edge',
  start,
}

async function start({ dir, application }: Site): Promise<Path> {
  await using opening = new AsyncDisposableStack()
  const children = opening.use(new Children(dir))
  const links = await chainLinks(application.at)
  const at = `127.0.0.1:${await freePort()}`
  const { secret, open } = newKey()
  const write = (name: string, text: string) => {
    const file = path.join(dir, `${name}.toml`)
    writeFileSync(file, text)
    return file
  }
  const part = (role: 'server' | 'client', where: string, key: string, services: string[]) => `[${role}]
${where} = "${at}"
default_token = "only-for-the-bench"
[${role}.transport]
type = "noise"
[${role}.transport.noise]
${key}
${services.join('')}`
  const bound = links.map(
    ({ service, user }) => `[server.services.${service}]\nbind_addr = "127.0.0.1:${user}"\n`,
  )
  const local = links.map(
    ({ service, application: { host, port } }) =>
      `[client.services.${service}]\nlocal_addr = "${host}:${port}"\n`,
  )
  const env = { RUST_LOG: 'warn' }
  const serve = part('server', 'bind_addr', `local_private_key = "${secret}"`, bound)
  const edge = children.start('edge', ['rathole', '--server', write('edge', serve)], { env })
  const dial = part('client', 'remote_addr', `remote_public_key = "${open}"`, local)
  const connector = children.start('connector', ['rathole', '--client', write('connector', dial)], { env })
  for (const { user } of links) await children.listening(edge, { host: '127.0.0.1', port: user })
  opening.move()
  return {
    to: entrances(links),
    processes: { edge: [edge.pid], connector: [connector.pid] },
    children,
    [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
  }
}

function newKey(): { secret: string; open: string } {
  const found = /Private Key:\s*(\S+)\s+Public Key:\s*(\S+)/.exec(run('rathole', ['--genkey']))
  if (!found) throw new Error('Cannot read what rathole --genkey printed')
  return { secret: found[1]!, open: found[2]! }
}
