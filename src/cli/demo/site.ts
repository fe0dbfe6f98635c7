import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ROOT } from '../../base/program-files.ts'
import type { DemoApplication } from './access.ts'
import { DemoPart } from './part.ts'
import { freePort } from './ports.ts'
import { connectorCommand, demoProgram } from './programs.ts'
import type { SiteAnswer, SiteOrder } from './site-messages.ts'
import { giveFolderTo, unprivileged } from './unprivileged.ts'
import { openWire } from './wire.ts'

/** The private site: the application, and the only place from which it can be dialled. */
export interface Site extends AsyncDisposable {
  readonly kind: 'namespaces' | 'user namespaces' | 'loopback'
  readonly application: DemoApplication
  /** Where the edge has to listen for the connector to reach it. */
  readonly edgeHost: string
  /** For people: where the application is. */
  readonly note: string
  /** @returns The user it runs as, for people. */
  startConnector(edge: { host: string; port: number }): Promise<string>
  /** Rejects when a part of the site ends by itself. */
  readonly broken: Promise<never>
}

const PRIVATE = { host: 'wiki.demo.internal', address: '10.213.7.10', webPort: 80, echoPort: 7007 } as const
const LOOPBACK = '127.0.0.42'
const ANSWER_MS = 10_000

/** The best place this machine allows, tried in order. @param said Told why a better one was not taken. */
export async function openSite(
  state: string,
  { namespaces, said }: { namespaces: boolean; said: (text: string) => void },
): Promise<Site> {
  mkdirSync(path.join(state, 'site'), { recursive: true })
  const root = process.getuid?.() === 0
  const kinds = namespaces ? [...(root ? (['namespaces'] as const) : []), 'user namespaces' as const] : []
  for (const kind of kinds) {
    try {
      return await NamespaceSite.open(kind, state)
    } catch (error) {
      said(`no ${kind} here: ${whyNot(error as Error)}`)
    }
  }
  return LoopbackSite.open(state)
}

/** A minimal system has not even `ip`. */
export function whyNot({ message }: Error): string {
  const missing = /^spawn(?:Sync)? (\S+) ENOENT/.exec(message)?.[1]
  if (missing === undefined) return message.split('\n')[0]!
  const from = { ip: 'iproute2', unshare: 'util-linux' }[missing]
  return `the program ${missing} is not installed${from === undefined ? '' : ` (apt-get install ${from})`}`
}

/** Application and connector each in a network namespace of their own. */
class NamespaceSite implements Site {
  readonly kind: 'namespaces' | 'user namespaces'
  readonly application = PRIVATE
  readonly edgeHost: string
  readonly broken: Promise<never>
  readonly #state: string
  readonly #leader: DemoPart
  readonly #owned = new AsyncDisposableStack()

  static async open(kind: NamespaceSite['kind'], state: string): Promise<NamespaceSite> {
    const flags =
      kind === 'namespaces' ? ['--net', '--mount'] : ['--user', '--map-root-user', '--net', '--mount']
    const leader = new DemoPart({
      name: 'site',
      command: ['unshare', ...flags, ...demoProgram('site-main')],
      log: path.join(state, 'site', 'site.log'),
      ipc: true,
      endMs: 1400, // longer than what it gives its own parts
    })
    try {
      await answerOf(leader, 'ready')
      const link = kind === 'namespaces' ? joinByVeth(leader.pid!) : undefined
      const site = new NamespaceSite(kind, state, leader, link?.edge ?? '127.0.0.1')
      site.#send({ order: 'network', uplink: link?.uplink, application: PRIVATE, name: PRIVATE.host, state })
      await answerOf(leader, 'network')
      // The kernel takes its time with the interfaces of a namespace that is gone.
      if (link !== undefined) site.#owned.defer(() => removeLink(link.name))
      return site
    } catch (error) {
      await leader[Symbol.asyncDispose]()
      throw error
    }
  }

  private constructor(kind: NamespaceSite['kind'], state: string, leader: DemoPart, edgeHost: string) {
    this.kind = kind
    this.#state = state
    this.#leader = leader
    this.edgeHost = edgeHost
    this.#owned.use(leader)
    this.broken = new Promise((_, reject) => {
      leader.child.on('message', (message: SiteAnswer) => {
        if (message.answer === 'ended') reject(new Error(`the ${message.part} exited (${message.how})`))
      })
      void leader.ended.then((how) => reject(new Error(`the private site exited (${how})`)))
    })
    this.broken.catch(() => {})
  }

  get note(): string {
    return `in its own network namespace, at ${PRIVATE.address}: only the connector can reach it`
  }

  async startConnector(edge: { host: string; port: number }): Promise<string> {
    // A path within 107 bytes, wherever the checkout is.
    const wire = path.relative(process.cwd(), path.join(this.#state, 'site', 'edge.sock'))
    rmSync(wire, { force: true }) // of a demo that was killed
    const opened = this.#owned.use(await openWire({ path: wire }, edge))
    this.#send({ order: 'connector', edge, wire: path.resolve(wire), state: this.#state })
    const { user, wired } = await answerOf(this.#leader, 'connector')
    if (!wired) await opened[Symbol.asyncDispose]()
    return user
  }

  #send(order: SiteOrder): void {
    this.#leader.child.send(order)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}

/**
 * A veth from here into the namespace of `pid`, with a network of two addresses out of a range that is for
 * documentation, so that no real network has it. It is gone when the namespace is.
 */
function joinByVeth(pid: number): { edge: string; uplink: string; name: string } {
  const taken = new Set(
    Object.values(os.networkInterfaces()).flatMap((all) => (all ?? []).map((one) => one.address)),
  )
  let last: unknown
  for (let index = 0; index < 64; index++) {
    const edge = `198.51.100.${4 * index + 1}`
    if (taken.has(edge)) continue
    const name = `bsdemo${index}`
    try {
      ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'edge0', 'netns', String(pid))
    } catch (error) {
      last = error // another demo took this name just now, or no interface may be made at all
      if (!/exists/i.test(String((error as { stderr?: unknown }).stderr))) break
      continue
    }
    ip('address', 'add', `${edge}/30`, 'dev', name)
    ip('link', 'set', name, 'up')
    return { edge, uplink: `198.51.100.${4 * index + 2}/30`, name }
  }
  throw last instanceof Error ? last : new Error('every demo network is in use')
}

function removeLink(name: string): void {
  try {
    ip('link', 'delete', name)
  } catch {
    // It went with its namespace.
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** The next answer of that kind. Rejects with what went wrong instead. */
function answerOf<K extends SiteAnswer['answer']>(
  leader: DemoPart,
  kind: K,
): Promise<Extract<SiteAnswer, { answer: K }>> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      leader.child.off('message', onMessage)
    }
    const fail = (what: string) => {
      done()
      reject(new Error(what))
    }
    const onMessage = (message: SiteAnswer) => {
      if (message.answer === 'failed') return fail(message.what)
      if (message.answer !== kind) return
      done()
      resolve(message as Extract<SiteAnswer, { answer: K }>)
    }
    const timer = setTimeout(() => fail(`no answer in ${ANSWER_MS / 1000} s`), ANSWER_MS)
    leader.child.on('message', onMessage)
    void leader.ended.then((how) => fail(leader.lastLines() || `unshare exited (${how})`))
  })
}

/** Where no namespace can be made: everything on this machine could dial the application, and the output says so. */
class LoopbackSite implements Site {
  readonly kind = 'loopback'
  readonly application: DemoApplication
  readonly edgeHost = '127.0.0.1'
  readonly note =
    `on the loopback address ${LOOPBACK}, not in a network namespace: local programs can reach it too`
  readonly broken: Promise<never>
  readonly #state: string
  readonly #broke: (error: Error) => void
  readonly #owned = new AsyncDisposableStack()

  static async open(state: string): Promise<LoopbackSite> {
    const webPort = (await freePort(LOOPBACK, 8080)).port
    const echoPort = (await freePort(LOOPBACK, 7007)).port
    const site = new LoopbackSite(state, { host: LOOPBACK, address: LOOPBACK, webPort, echoPort })
    const app = site.#start(
      'application',
      demoProgram('demo-application', LOOPBACK, String(webPort), String(echoPort)),
      path.join(state, 'site', 'application.log'),
    )
    await app.output('listening')
    return site
  }

  private constructor(state: string, application: DemoApplication) {
    this.#state = state
    this.application = application
    const { promise, reject } = Promise.withResolvers<never>()
    promise.catch(() => {})
    this.broken = promise
    this.#broke = reject
  }

  async startConnector(edge: { host: string; port: number }): Promise<string> {
    const as = unprivileged(ROOT, this.#state, false)
    giveFolderTo(path.join(this.#state, 'connector'), as.uid)
    this.#start('connector', connectorCommand(as, edge), path.join(this.#state, 'connector.log'))
    return as.user
  }

  #start(name: string, command: string[], log: string): DemoPart {
    const part = this.#owned.use(new DemoPart({ name, command, log }))
    void part.ended.then((how) => this.#broke(new Error(`the ${name} exited (${how})\n${part.lastLines()}`)))
    return part
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}
