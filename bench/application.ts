/**
 * The far end of every path: a web server, a byte source, a byte sink and an echo.
 *
 * Three processes, so that a busy source does not stand in the way of an echo.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type Address, Children } from './children.ts'
import { lackingGit, lackingSmb, startGit, startSmb } from './file-services.ts'
import { freePort } from './ports.ts'

type Always = 'http' | 'source' | 'sink' | 'echo'
/** There where their programs are. */
type Optional = 'smb' | 'git'
export type Service = Always | Optional

/** Where each service answers. */
export type Services = Readonly<Record<Always, Address> & Partial<Record<Optional, Address>>>

export function servicesOf(services: Services): [Service, Address][] {
  return Object.entries(services) as [Service, Address][]
}

export class Application implements AsyncDisposable {
  readonly at: Services
  /** What its servers of files serve is below it. */
  readonly dir: string
  readonly #children: Children

  /**
   * @param dir working folder of the web server and logs.
   * @param host address to listen on, within `namespace` when given.
   * @param ready how to see that an address answers from where the caller stands; by default a connection.
   */
  static async start(
    dir: string,
    { host = '127.0.0.1', namespace }: { host?: string; namespace?: string } = {},
  ): Promise<Application> {
    mkdirSync(dir, { recursive: true })
    const children = new Children(dir)
    const address = async (): Promise<Address> => ({ host, port: await freePort() })
    const at = {
      http: await address(),
      source: await address(),
      sink: await address(),
      echo: await address(),
      ...(!namespace && !lackingSmb() && { smb: await address() }),
      ...(!namespace && !lackingGit() && { git: await address() }),
    }
    try {
      const program = (name: string) => path.join(import.meta.dirname, 'application', name)
      const bytes = [program('bytes.ts'), host, `${at.source.port}`, `${at.sink.port}`]
      const source = children.start('bytes', [process.execPath, ...bytes], { namespace })
      const echo = children.start('echo', [process.execPath, program('echo.ts'), host, `${at.echo.port}`], {
        namespace,
      })
      const web = children.start('web', ['nginx', '-p', dir, '-c', webConfig(dir, at.http)], { namespace })
      if (!namespace) {
        await children.listening(source, at.source)
        await children.listening(echo, at.echo)
        await children.listening(web, at.http)
      }
      if (at.smb) await children.listening(startSmb(children, dir, at.smb), at.smb)
      if (at.git) await children.listening(startGit(children, dir, at.git), at.git)
    } catch (error) {
      await children[Symbol.asyncDispose]()
      throw error
    }
    return new Application(at, dir, children)
  }

  private constructor(at: Services, dir: string, children: Children) {
    this.at = at
    this.dir = dir
    this.#children = children
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#children[Symbol.asyncDispose]()
  }
}

/** Workers as whoever runs the bench: in a user namespace there is no other account to change to. */
export const AS_STARTED = process.getuid?.() === 0 ? 'user root root; ' : ''

/** A body of 1 kB from memory; a keep-alive connection is never closed by a request count. */
function webConfig(dir: string, at: Address): string {
  const file = path.join(dir, 'web.conf')
  writeFileSync(
    file,
    `${AS_STARTED}daemon off; pid web.pid; error_log stderr warn; worker_processes 1;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path ${dir}; proxy_temp_path ${dir}; fastcgi_temp_path ${dir}; uwsgi_temp_path ${dir}; scgi_temp_path ${dir};
  server { listen ${at.host}:${at.port} backlog=4096; location / { return 200 "${'x'.repeat(1023)}\\n"; } }
}
`,
  )
  return file
}
