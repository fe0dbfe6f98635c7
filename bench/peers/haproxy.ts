/**
 * HAProxy (TLS client) → HAProxy (splice, sees only TLS) → HAProxy (TLS server): one thread each, mutual TLS.
 *
 * Its far side takes inbound connections, which ours never does, and every connection is a TLS session of its own.
 * Session resumption stays on, as HAProxy has it by default.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { CURVE, SUITE } from '../certificates.ts'
import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { chainLinks, entrances, type Link } from './chain.ts'

export const haproxy: Peer = {
  name: 'haproxy-tls',
  title: 'HAProxy TLS → splice → TLS',
  protection: 'end to end',
  commands: ['haproxy'],
  packages: ['haproxy'],
  lacks: 'users, policy, records; its far side takes inbound connections; a TLS session per connection',
  start,
}

async function start({ dir, certificates, application }: Site): Promise<Path> {
  const links = await chainLinks(application.at)
  const { authority, user, far } = certificates
  const toFar = `ssl verify required ca-file ${authority} crt ${user.both} verifyhost localhost`
  const fromUser = `ssl crt ${far.both} ca-file ${authority} verify required curves ${CURVE}`
  const parts = {
    client: (link: Link) => listen(link.service, `${link.user}`, `127.0.0.1:${link.relay} ${toFar}`),
    edge: (link: Link) =>
      `${listen(link.service, `${link.relay}`, `127.0.0.1:${link.far}`)}  option splice-auto\n`,
    connector: (link: Link) =>
      listen(link.service, `${link.far} ${fromUser}`, `${link.application.host}:${link.application.port}`),
  }
  const children = new Children(dir)
  try {
    const pids: Partial<Record<keyof typeof parts, number[]>> = {}
    for (const [part, section] of Object.entries(parts) as [keyof typeof parts, (link: Link) => string][]) {
      const file = path.join(dir, `${part}.cfg`)
      writeFileSync(file, GLOBAL + links.map(section).join(''))
      const child = children.start(part, ['haproxy', '-db', '-f', file])
      pids[part] = [child.pid]
      const port = { client: 'user', edge: 'relay', connector: 'far' }[part] as 'user' | 'relay' | 'far'
      await children.listening(child, { host: '127.0.0.1', port: links[0]![port] })
    }
    return {
      to: entrances(links),
      processes: pids,
      children,
      [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
    }
  } catch (error) {
    await children[Symbol.asyncDispose]()
    throw error
  }
}

const GLOBAL = `global
  nbthread 1
  maxconn 12000
  no strict-limits
  maxpipes 2048
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites ${SUITE}
  ssl-default-server-ciphersuites ${SUITE}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
`

function listen(name: string, bind: string, server: string): string {
  return `listen ${name}\n  bind 127.0.0.1:${bind}\n  server next ${server}\n`
}
