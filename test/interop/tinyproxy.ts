import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Address, Children } from '../../bench/children.ts'

export interface TinyproxyOptions {
  readonly dir: string
  readonly at: Address
  /** Absent, anyone may use it. */
  readonly login?: { readonly user: string; readonly password: string }
  /** The only port it connects to. */
  readonly connectPort: number
}

/** A forward proxy as offices have it: CONNECT to one port, with Basic authentication or without. */
export class Tinyproxy {
  readonly at: Address
  readonly #log: string

  static async start(children: Children, o: TinyproxyOptions): Promise<Tinyproxy> {
    const name = `tinyproxy-${o.at.port}`
    const file = path.join(o.dir, name)
    await writeFile(
      file,
      `Port ${o.at.port}
Listen ${o.at.host}
Timeout 600
MaxClients 100
LogLevel Connect
LogFile "${file}.requests"
PidFile "${file}.pid"
ConnectPort ${o.connectPort}
${o.login === undefined ? '' : `BasicAuth ${o.login.user} ${o.login.password}`}
`,
    )
    const child = children.start(name, ['tinyproxy', '-d', '-c', file])
    await children.listening(child, o.at, 30_000)
    return new Tinyproxy(o.at, `${file}.requests`)
  }

  private constructor(at: Address, log: string) {
    this.at = at
    this.#log = log
  }

  /** Requests so far, as it logged them. */
  async requests(): Promise<string[]> {
    const text = await readFile(this.#log, 'utf8')
    return [...text.matchAll(/Request \(file descriptor \d+\): (.*)/g)].map((match) => match[1]!)
  }
}
