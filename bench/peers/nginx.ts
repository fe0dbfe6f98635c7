/**
 * nginx stream three times: TLS to the relay's far side, the relay passing bytes, mutual TLS at both ends.
 *
 * @module
 */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AS_STARTED } from '../application.ts'
import { CURVE, SUITE } from '../certificates.ts'
import { Children } from '../children.ts'
import type { Path, Peer, Site } from '../path.ts'
import { chainLinks, entrances, type Link } from './chain.ts'

/** Debian ships the stream module apart from the program. */
const MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so'

export const nginx: Peer = {
  name: 'nginx-stream',
  title: 'nginx stream TLS → stream → TLS',
  protection: 'end to end',
  commands: ['nginx', MODULE],
  packages: ['nginx', 'libnginx-mod-stream'],
  lacks: 'users, policy, records; its far side takes inbound connections; a TLS session per connection',
  start,
}

async function start({ dir, certificates, application }: Site): Promise<Path> {
  const links = await chainLinks(application.at)
  const { authority, user, far } = certificates
  const near = `proxy_ssl on; proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on; proxy_ssl_name localhost;
  proxy_ssl_trusted_certificate ${authority}; proxy_ssl_certificate ${user.certificate}; proxy_ssl_certificate_key ${user.key};
  proxy_ssl_conf_command Ciphersuites ${SUITE}; proxy_ssl_conf_command Curves ${CURVE};`
  const away = `ssl_protocols TLSv1.3; ssl_certificate ${far.certificate}; ssl_certificate_key ${far.key};
  ssl_client_certificate ${authority}; ssl_verify_client on; ssl_ecdh_curve ${CURVE};
  ssl_conf_command Ciphersuites ${SUITE}; ssl_session_cache shared:bench:10m;`
  const children = new Children(dir)
  try {
    const part = async (name: string, settings: string, port: keyof Link, server: (link: Link) => string) => {
      const prefix = path.join(dir, name)
      mkdirSync(prefix)
      const file = path.join(prefix, 'nginx.conf')
      writeFileSync(file, config(settings, links.map(server)))
      const child = children.start(name, ['nginx', '-p', prefix, '-c', file])
      await children.listening(child, { host: '127.0.0.1', port: links[0]![port] as number })
      return [child.pid]
    }
    const connector = await part('connector', away, 'far', (link) =>
      server(`${link.far} ssl`, `${link.application.host}:${link.application.port}`),
    )
    const edge = await part('edge', '', 'relay', (link) => server(`${link.relay}`, `127.0.0.1:${link.far}`))
    const client = await part('client', near, 'user', (link) =>
      server(`${link.user}`, `127.0.0.1:${link.relay}`),
    )
    return {
      to: entrances(links),
      processes: { client, edge, connector },
      children,
      [Symbol.asyncDispose]: () => children[Symbol.asyncDispose](),
    }
  } catch (error) {
    await children[Symbol.asyncDispose]()
    throw error
  }
}

function server(listen: string, pass: string): string {
  return `server { listen 127.0.0.1:${listen} backlog=4096; proxy_pass ${pass}; }`
}

function config(settings: string, servers: readonly string[]): string {
  return `${existsSync(MODULE) ? `load_module ${MODULE};` : ''}
${AS_STARTED}daemon off; pid nginx.pid; error_log stderr error; worker_processes 1; worker_rlimit_nofile 20000;
events { worker_connections 20000; }
stream {
  tcp_nodelay on; proxy_timeout 1h; proxy_buffer_size 256k;
  ${settings}
  ${servers.join('\n  ')}
}
`
}
