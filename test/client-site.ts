/**
 * A whole path for tests of the client: control plane, edge, a connector, policy, a signed-in user. The applications
 * are what the test listens with on 127.0.0.1 and ::1.
 *
 * @module
 */
import path from 'node:path'
import { patience } from '../lab/pace.ts'
import type { SegmentSpec } from '../src/api/specs.ts'
import type { Clock } from '../src/base/clock.ts'
import { type Log, silentLog } from '../src/base/log.ts'
import { Client } from '../src/client/client.ts'
import { type LoginOptions, login } from '../src/client/commands/login.ts'
import { type ClientOptions, clientOptions } from '../src/client/options.ts'
import { Connector } from '../src/connector/connector.ts'
import { type ConnectorOptions, connectorOptions } from '../src/connector/options.ts'
import { hashPassword } from '../src/control/base/password.ts'
import { openSite, type Site } from './site.ts'

export const USER = 'ada'
export const PASSWORD = 'correct horse battery staple'

export interface ClientSite extends AsyncDisposable {
  readonly site: Site
  readonly clientDir: string
  /** Starts another connector of the group; resolves when sessions can go through it. */
  connector(name: string, over?: Partial<ConnectorOptions>): Promise<Daemon & { connector: Connector }>
  /** Starts a client with the profile of the user; resolves when it listens. */
  client(over?: Partial<ClientOptions>): Promise<Daemon & { client: Client }>
  options(over?: Partial<ClientOptions>): ClientOptions
  signIn(over?: Partial<LoginOptions>): Promise<void>
}

export interface Daemon {
  stop(): Promise<void>
}

/**
 * Segments: `app` (localhost and 127.0.0.1, every port, TCP and UDP, allowed) · `narrow` (narrow.test, TCP 443 only,
 * allowed) · `secret` (secret.test, TCP 443, denied by rule `no secrets`).
 */
export async function openClientSite({
  log = silentLog,
  clock,
  edgeWorkers,
}: {
  log?: Log
  /** What the control plane takes for the time. */
  clock?: Clock
  edgeWorkers?: number
} = {}): Promise<ClientSite> {
  await using opening = new AsyncDisposableStack()
  const site = opening.use(await openSite({ log, clock, edgeWorkers }))
  const { objects } = site.control.store
  const base = { description: '', enabled: true }
  const servers = await objects.put({
    kind: 'server-group',
    name: 'apps',
    spec: {
      ...base,
      ...{ connectorGroups: [site.group], failoverConnectorGroups: [] },
      ...{ dynamicDiscovery: true, servers: [] },
    },
  })
  const segment = (over: Partial<SegmentSpec>): SegmentSpec => ({
    ...base,
    ...{ domains: [], cidrs: [], tcp: [], udp: [], health: 'onAccess', addressCidrs: [] },
    serverGroups: [servers.id],
    ...over,
  })
  const loopback = ['127.0.0.0/8', '::1/128']
  const everyPort = ['1-65535']
  await objects.put({
    kind: 'segment',
    name: 'app',
    spec: segment({
      domains: ['localhost', 'no-such-host.test'],
      cidrs: ['127.0.0.1/32'],
      tcp: everyPort,
      udp: everyPort,
      addressCidrs: loopback,
    }),
  })
  await objects.put({
    kind: 'segment',
    name: 'narrow',
    spec: segment({ domains: ['narrow.test'], tcp: ['443'] }),
  })
  const secret = await objects.put({
    kind: 'segment',
    name: 'secret',
    spec: segment({ domains: ['secret.test'], tcp: ['443'] }),
  })
  await objects.put({
    kind: 'access-rule',
    name: 'no secrets',
    // Of another kind of client it would be allowed: else nobody would be told of the segment.
    spec: {
      ...base,
      ...{ order: 1, action: 'deny', conditions: { segments: [secret.id], clientKinds: ['client'] } },
    },
  })
  await objects.put({
    kind: 'access-rule',
    name: 'the rest',
    spec: { ...base, order: 2, action: 'allow', conditions: {} },
  })
  const user = await objects.put({
    kind: 'user',
    name: USER,
    spec: { ...base, displayName: 'Ada', email: '', groups: [] },
  })
  await site.control.store.passwords.put(user.id, await hashPassword(PASSWORD))

  const clientDir = path.join(site.dir, 'client')
  const env = {}
  const options: ClientSite['options'] = (over = {}) => ({
    ...clientOptions(
      { stateDir: clientDir, listen: '127.0.0.1:0', proxyFile: path.join(site.dir, 'none') },
      log,
    ),
    env,
    ...over,
  })
  const stopping = new Set<() => Promise<void>>()
  opening.defer(async () => {
    await Promise.all([...stopping].map((stop) => stop()))
  })
  const run = (serve: (signal: AbortSignal) => Promise<void>): Daemon => {
    const ending = new AbortController()
    const served = serve(ending.signal)
    const stop = async () => {
      stopping.delete(stop)
      ending.abort()
      await served
    }
    served.catch(() => stopping.delete(stop))
    stopping.add(stop)
    return { stop }
  }
  const opened = opening.move()
  return {
    site,
    clientDir,
    options,
    async connector(name, over) {
      const connector = new Connector({
        ...connectorOptions(
          {
            stateDir: path.join(site.dir, name),
            keyFile: await site.keyFile(),
            proxyFile: path.join(site.dir, 'none'),
          },
          log,
        ),
        env,
        ...over,
      })
      const daemon = run((signal) => connector.serve(signal))
      await until(() => connector.status().state === 'healthy')
      return { ...daemon, connector }
    },
    async client(over) {
      const client = new Client(options(over))
      const daemon = run((signal) => client.serve(signal))
      await client.listening
      return { ...daemon, client }
    },
    async signIn(over) {
      await login({
        stateDir: clientDir,
        edge: { host: '127.0.0.1', port: site.edge.port },
        pin: site.control.pin,
        user: USER,
        password: PASSWORD,
        proxyFile: path.join(site.dir, 'none'),
        env,
        signal: AbortSignal.timeout(20_000),
        ...over,
      })
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

/** Resolves when `ready` holds; looks again with each turn of the event loop. */
export async function until(ready: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const endMs = performance.now() + patience(timeoutMs)
  while (!(await ready())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${ready}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
