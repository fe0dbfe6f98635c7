/**
 * A whole Backstitch of real programs: server (control plane and edge), and on demand connectors and a client.
 *
 * Everything is set up the way an operator does it: apply, key create, key file, login, forwards in client.yaml.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Services } from './application.ts'
import { type Address, type Child, Children } from './children.ts'
import { run } from './isolation.ts'
import type { Site } from './path.ts'
import { freePort } from './ports.ts'

const PROGRAM = path.join(import.meta.dirname, '..', 'bin', 'backstitch')
const PASSWORD = 'bench only, in a folder of its own'
const GROUP = 'bench'
const USER = 'bench'

interface Parts {
  readonly children: Children
  readonly server: Child
  readonly edge: Address
  readonly profileDir: string | undefined
}

export class Installation implements AsyncDisposable {
  readonly server: Child
  readonly #children: Children
  readonly #dir: string
  readonly #edge: Address
  readonly #profileDir: string | undefined
  #connectors = 0

  /** Resolves when the server listens and the access to `application` is declared. */
  static async start({ dir, application: { at: application }, profileDir }: Site): Promise<Installation> {
    const children = new Children(dir)
    try {
      const edge = { host: '127.0.0.1', port: await freePort() }
      const command = ['server', '--state', path.join(dir, 'server'), '--listen', `${edge.host}:${edge.port}`]
      const server = children.start('server', [PROGRAM, '--json', ...command], { env: quiet(profileDir) })
      await children.listening(server, edge)
      await children.until(
        server,
        () => readFileSync(server.logFile, 'utf8').includes('"pin"'),
        'tell its pin',
      )
      const installation = new Installation(dir, { children, server, edge, profileDir })
      const file = path.join(dir, 'access.yaml')
      writeFileSync(file, access(application), { mode: 0o600 })
      installation.command('apply', '-f', file)
      return installation
    } catch (error) {
      await children[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(dir: string, o: Parts) {
    this.#dir = dir
    this.#children = o.children
    this.server = o.server
    this.#edge = o.edge
    this.#profileDir = o.profileDir
  }

  /** A command of the operator, to its end. @throws {Error} with what it said. */
  command(...args: string[]): string {
    return run(PROGRAM, ['--context', path.join(this.#dir, 'server', 'context.json'), ...args])
  }

  /** A place for a connector, with a key file. @returns its name. */
  addConnector(): string {
    const name = `connector-${++this.#connectors}`
    const key = this.command('key', 'create', '--group', GROUP)
    writeFileSync(path.join(this.#dir, `${name}.key`), key, { mode: 0o600 })
    return name
  }

  /** Does not wait: `passed` does. Enrols when it has no identity yet. */
  startConnector(name: string): Child {
    const [state, keyFile] = [path.join(this.#dir, name), path.join(this.#dir, `${name}.key`)]
    const command = [PROGRAM, 'connector', '--state', state, '--key-file', keyFile] as const
    return this.#children.start(name, [...command], { env: profiled(this.#profileDir) })
  }

  stop(child: Child): Promise<void> {
    return this.#children.stop(child)
  }

  /** Resolves once `child` logged the stage of its bring-up. @returns when that was, in ms since the epoch. */
  async passed(child: Child, stage: number): Promise<number> {
    const line = () => bringUpLines(child).find((entry) => entry.stage === stage)
    await this.#children.until(child, () => line() !== undefined, `pass stage ${stage} of its bring-up`)
    return Date.parse(line()!.time)
  }

  /** Signs in and runs a client whose forwards lead to the application. */
  async startClient(application: Services): Promise<{ client: Child; to: Services }> {
    const state = path.join(this.#dir, 'client')
    const config = path.join(this.#dir, 'client.yaml')
    const passwordFile = path.join(this.#dir, 'password')
    const to: Record<string, Address> = {}
    const forwards: string[] = []
    for (const [service, { host, port }] of Object.entries(application)) {
      to[service] = { host: '127.0.0.1', port: await freePort() }
      forwards.push(`  - "127.0.0.1:${to[service].port} ${host}:${port}"`)
    }
    writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
    writeFileSync(config, `listen: "off"\nforwards:\n${forwards.join('\n')}\n`)
    const common = ['client', '--config', config, '--state', state]
    const edge = `${this.#edge.host}:${this.#edge.port}`
    const facts = /"pin": ?"([0-9a-f]+)"/.exec(readFileSync(this.server.logFile, 'utf8'))
    const who = ['--user', USER, '--password-file', passwordFile, '--edge', edge, '--pin', facts![1]!]
    run(PROGRAM, [...common, 'login', ...who])
    const client = this.#children.start('client', [PROGRAM, ...common, 'run'], {
      env: quiet(this.#profileDir),
    })
    await this.#children.listening(client, Object.values(to)[0]!)
    return { client, to: to as unknown as Services }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#children[Symbol.asyncDispose]()
  }
}

/** All peers run at the level of warnings. */
function quiet(profileDir: string | undefined): NodeJS.ProcessEnv {
  return { BACKSTITCH_LOG_LEVEL: 'warn', ...profiled(profileDir) }
}

function profiled(dir: string | undefined): NodeJS.ProcessEnv {
  return dir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${dir}` }
}

function bringUpLines(child: Child): { stage: number; time: string }[] {
  return readFileSync(child.logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"bring-up.passed"'))
    .map((line) => JSON.parse(line) as { stage: number; time: string })
}

function access(application: Services): string {
  const ports = Object.values(application).map(({ port }) => `"${port}"`)
  const { host } = Object.values(application)[0]!
  return `kind: connector-group
name: ${GROUP}
---
kind: server-group
name: ${GROUP}
connectorGroups: [${GROUP}]
---
kind: segment
name: application
cidrs: ["${host}/32"]
tcp: [${ports.join(', ')}]
serverGroups: [${GROUP}]
---
kind: user
name: ${USER}
password: ${PASSWORD}
---
kind: access-rule
name: all
order: 1
action: allow
`
}
