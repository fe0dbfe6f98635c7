/**
 * stunnel (TLS client) → HAProxy (splice) → stunnel (TLS server): a thread per connection, mutual TLS.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { CURVE, SUITE } from '../certificates.ts'
import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { chainLinks, entrances, type Link } from './chain.ts'

export const stunnel: Peer = {
  name: 'stunnel',
  title: 'stunnel → HAProxy splice → stunnel',
  protection: 'end to end',
  commands: ['stunnel', 'haproxy'],
  packages: ['stunnel4', 'haproxy'],
  lacks: 'users, policy, records; its far side takes inbound connections; a TLS session per connection',
  start,
}

async function start({ dir, certificates, application }: Site): Promise<Path> {
  const links = await chainLinks(application.at)
  const { authority, user, far } = certificates
  const write = (name: string, text: string) => {
    const file = path.join(dir, name)
    writeFileSync(file, text)
    return file
  }
  const relay = links.map(
    (link) =>
      `listen ${link.service}\n  bind 127.0.0.1:${link.relay}\n  option splice-auto\n  server far 127.0.0.1:${link.far}\n`,
  )
  const near = links.map(
    (link) =>
      `${section(link, authority, user)}client = yes\naccept = 127.0.0.1:${link.user}\nconnect = 127.0.0.1:${link.relay}\n`,
  )
  const away = links.map(
    (link) =>
      `${section(link, authority, far)}accept = 127.0.0.1:${link.far}\nconnect = ${link.application.host}:${link.application.port}\n`,
  )
  const children = new Children(dir)
  try {
    const connector = children.start('connector', [
      'stunnel',
      write('connector.conf', GLOBAL + away.join('')),
    ])
    await children.listening(connector, { host: '127.0.0.1', port: links[0]!.far })
    const edge = children.start('edge', ['haproxy', '-db', '-f', write('edge.cfg', RELAY + relay.join(''))])
    await children.listening(edge, { host: '127.0.0.1', port: links[0]!.relay })
    const client = children.start('client', ['stunnel', write('client.conf', GLOBAL + near.join(''))])
    await children.listening(client, { host: '127.0.0.1', port: links[0]!.user })
    return {
      to: entrances(links),
      processes: { client: [client.pid], edge: [edge.pid], connector: [connector.pid] },
      children,
      [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
    }
  } catch (error) {
    await children[Symbol.asyncDispose]()
    throw error
  }
}

const RELAY = `global
  nbthread 1
  maxconn 12000
  no strict-limits
  maxpipes 2048
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
`

const GLOBAL = `foreground = yes
pid =
debug = 4
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
`

function section(link: Link, authority: string, leaf: { certificate: string; key: string }): string {
  return `[${link.service}]
cert = ${leaf.certificate}
key = ${leaf.key}
CAfile = ${authority}
verifyChain = yes
requireCert = yes
sslVersion = TLSv1.3
ciphersuites = ${SUITE}
curves = ${CURVE}
`
}
