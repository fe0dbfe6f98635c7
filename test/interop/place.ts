/**
 * What every test in this folder stands on: an installation of real programs, applications on addresses of their
 * own, and a folder that goes away.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type Address, type Child, Children } from '../../bench/children.ts'
import { freePort } from '../../bench/ports.ts'
import { Installation, PROGRAM } from '../installation.ts'
import { type Command, shell, succeed } from '../program.ts'

/** Where applications listen: not where anything of ours does, so that no port is reached by accident. */
export const APPLICATIONS = '127.0.0.2'
const HEALTHY = 6

export interface PlaceOptions {
  /** The way out to the edge, once the edge is known. @returns What the proxy file of connector and client says. */
  readonly egress?: (edge: Address, dir: string, children: Children) => Promise<string>
  /** Standing forwards of the client, by name of the application: from 127.0.0.1, on a free port, to there. */
  readonly forwards?: Readonly<
    Record<string, { readonly to: Address; readonly protocols?: readonly Protocol[] }>
  >
}

type Protocol = 'tcp' | 'udp'

export class Place implements AsyncDisposable {
  readonly dir: string
  readonly installation: Installation
  /** Of the local proxy of the client: SOCKS5 and HTTP. */
  readonly proxy: Address
  readonly connector: Child
  readonly #forwards: ReadonlyMap<string, Address>
  readonly #children: Children
  readonly #owned: AsyncDisposableStack

  /** Resolves when sessions can be opened. */
  static async open({ forwards = {}, egress }: PlaceOptions = {}): Promise<Place> {
    await using opening = new AsyncDisposableStack()
    const dir = await openFolder(opening)
    const reach = {
      domains: ['localhost'],
      cidrs: ['127.0.0.0/8'],
      ...{ tcp: ['1-65535'], udp: ['1-65535'] },
      addressCidrs: ['127.0.0.0/8', '127.0.0.1/32'],
    }
    const installation = opening.use(await Installation.start({ dir, reach }))
    const children = opening.use(new Children(dir))
    if (egress) {
      const proxy = await egress(installation.edge, dir, children)
      await writeFile(installation.proxyFile, proxy, { mode: 0o600 })
    }
    const connector = installation.startConnector(await installation.addConnector())
    const proxy = await freeAddress('127.0.0.1')
    const local = new Map<string, Address>()
    const lines: string[] = []
    for (const [name, { to, protocols = ['tcp'] }] of Object.entries(forwards)) {
      const at = await freeAddress('127.0.0.1')
      local.set(name, at)
      for (const protocol of protocols) lines.push(`${protocol}/${show(at)} ${show(to)}`)
    }
    await installation.signIn({ listen: show(proxy), forwards: lines })
    await installation.startClient()
    await installation.passed(connector, HEALTHY)
    return new Place({ dir, installation, proxy, connector, local, children }, opening.move())
  }

  private constructor(
    o: {
      readonly dir: string
      readonly installation: Installation
      readonly proxy: Address
      readonly connector: Child
      readonly local: ReadonlyMap<string, Address>
      readonly children: Children
    },
    owned: AsyncDisposableStack,
  ) {
    this.dir = o.dir
    this.installation = o.installation
    this.proxy = o.proxy
    this.connector = o.connector
    this.#forwards = o.local
    this.#children = o.children
    this.#owned = owned
  }

  /** Path of a file of the test. */
  file(name: string): string {
    return path.join(this.dir, name)
  }

  /** Where the standing forward to this application listens. */
  to(name: string): Address {
    return this.#forwards.get(name)!
  }

  /** Starts an application; ends with the place. Resolves when it listens, if `at` is given. */
  async serve(name: string, command: Command, at?: Address): Promise<Child> {
    const child = this.#children.start(name, command)
    if (at !== undefined) await this.#children.listening(child, at, 30_000)
    return child
  }

  /** Starts `client forward`, as a person does in a terminal. Resolves when it listens. @returns Where. */
  async forward(protocol: Protocol, to: Address): Promise<Address> {
    const at = await freeAddress('127.0.0.1')
    const args = ['--json', ...this.installation.clientFlags, 'forward', `${protocol}/${show(at)}`, show(to)]
    const child = spawn(PROGRAM, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    this.#owned.defer(async () => {
      child.kill()
      await ended
    })
    const line = once(createInterface(child.stdout), 'line')
    await Promise.race([line, ended.then(([code]) => Promise.reject(new Error(`forward ended: ${code}`)))])
    return at
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync()
  }
}

export async function freeAddress(host = APPLICATIONS): Promise<Address> {
  return { host, port: await freePort() }
}

export function show({ host, port }: Address): string {
  return `${host}:${port}`
}

/** A folder that others may pass through and that goes with `owner`. */
export async function openFolder(owner: AsyncDisposableStack): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'bs-interop-'))
  owner.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  await chmod(dir, 0o711)
  return dir
}

/** Writes `megabytes` (of 1 000 000 bytes) that do not compress. @returns SHA-256 of the file. */
export async function randomFile(file: string, megabytes: number): Promise<string> {
  const key =
    'openssl enc -aes-128-ctr -nosalt -K 00112233445566778899aabbccddeeff -iv 0 < /dev/zero 2>/dev/null'
  await succeed(shell(`(${key} || true) | head -c "$2" > "$1"`, file, `${megabytes * 1_000_000}`))
  return checksum(file)
}

/** SHA-256, by a program that is not ours. */
export async function checksum(file: string): Promise<string> {
  return (await succeed(['sha256sum', file])).slice(0, 64)
}
