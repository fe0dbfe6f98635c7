/**
 * A tunnel between a client and the streams of a connector, over real TLS with certificates of one tenant, without
 * an edge between: for tests of what happens to a stream.
 *
 * @module
 */

import { once } from 'node:events'
import net from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { KnownKeys } from '../../agent/identity/known-keys.ts'
import { SessionReports } from '../../agent/sessions/session-reports.ts'
import type { SilenceWatch, SilenceWatchOptions } from '../../agent/sessions/silence-watch.ts'
import { systemClock } from '../../base/clock.ts'
import { CountedLines } from '../../base/counted-lines.ts'
import { newId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import { sessionId } from '../../base/session-id.ts'
import { TestTenant } from '../../link/dial/tenant.fixture.ts'
import { tunnelAsClient, tunnelAsConnector } from '../../link/pipe/secure-tunnel.ts'
import { Mux } from '../../mux/mux.ts'
import type { MuxStream } from '../../mux/stream.ts'
import type { StreamEnd } from '../../mux/stream-end.ts'
import { type Grant, signGrant } from '../../pki/grant.ts'
import { identityUri } from '../../pki/identity.ts'
import { newSigningKey } from '../../pki/signing-keys.ts'
import type { AgentMessage, SessionReport } from '../../wire/control.ts'
import { grantReference, type Open, type Opened } from '../../wire/open.ts'
import { Dialer, type DialerOptions } from '../dial/dialer.ts'
import { MovedNames } from '../dial/moved-names.ts'
import { Resolver, type ResolverOptions } from '../dial/resolver.ts'
import { type Application, ApplicationReach } from '../health/application-reach.ts'
import { ActiveSessions } from '../sessions/active-sessions.ts'
import { ConnectorLedger } from '../sessions/connector-ledger.ts'
import { ConnectorUdpFlows } from '../sessions/connector-udp-flows.ts'
import { watchApplications } from '../sessions/silence-fault.ts'
import { GrantAuthority } from '../sessions/tunnel-grants.ts'
import { SessionTeller } from '../workers/session-teller.ts'
import { ToldSessions } from '../workers/told-sessions.ts'
import type { SessionBatch } from '../workers/worker-messages.ts'
import { ConnectorShares } from './shares.ts'
import { type StreamServices, TunnelStreams } from './streams.ts'

export interface TunnelFixture extends AsyncDisposable {
  readonly services: StreamServices
  readonly ledger: ConnectorLedger
  readonly reach: ApplicationReach
  /** With `apart`: what the other process knows, and who tells it. */
  readonly apart: ToldSessions
  readonly teller: SessionTeller
  readonly silence: SilenceWatch<Application>
  readonly client: Mux
  readonly facts: { readonly connector: string; readonly device: string }
  /** What control was told. */
  readonly told: AgentMessage[]
  /** Signs a grant for this client and connector; `change` spoils it. */
  grant(change?: Partial<Grant>, key?: 'ours' | 'foreign'): Promise<string>
  /** Sends the grant and opens a stream that names it. */
  open(jws: string, to: Partial<Open>): Opening
  /** The record of this session, once it is over here, too. */
  record(session: string): Promise<SessionReport>
  /** All that control was told of sessions. */
  reports(): SessionReport[]
}

export interface Opening {
  readonly stream: MuxStream
  readonly session: string
  /** Rejects with the end if there is one before OPENED. */
  readonly opened: Promise<Opened>
  readonly closed: Promise<StreamEnd>
}

export async function openTunnel(
  o: Pick<ResolverOptions, 'lookup' | 'keepMs'> & {
    dialer?: DialerOptions
    udpIdleMs?: number
    /** Monotonic milliseconds, for whoever judges sessions by what they carry. */
    now?: () => number
    lossy?: SilenceWatchOptions<Application>['lossy']
    shares?: ConnectorShares
    /** The ledger is that of another process, which is told. */
    apart?: boolean
  } = {},
): Promise<TunnelFixture> {
  const tenant = await TestTenant.create()
  const foreignKey = newSigningKey(Date.now())
  const connectorId = newId('con')
  const deviceId = newId('dev')
  const clientCredentials = await tenant.credentials('client', deviceId)
  const connectorCredentials = await tenant.credentials('connector', connectorId)
  const { signal } = new AbortController()
  const [near, far] = await tcpPair()
  const [clientEnd, connectorEnd] = await Promise.all([
    tunnelAsClient(near, {
      credentials: clientCredentials,
      peer: identityUri(connectorCredentials.identity),
      signal,
    }),
    tunnelAsConnector(far, {
      credentials: connectorCredentials,
      peer: identityUri(clientCredentials.identity),
      signal,
    }),
  ])

  const reportsOut = new SessionReports({ log: silentLog, flushMs: 0, openAfterMs: 60_000 })
  const told: AgentMessage[] = []
  reportsOut.resume(async (message) => {
    told.push(message)
    return { type: 'session-kept', id: message.id, refused: 0 }
  })
  const known = new KnownKeys({ purpose: 'grant', log: silentLog })
  const { rootPem } = tenant.authority
  await known.take(await tenant.keySet('grant'), {
    identity: tenant.identity('connector', connectorId),
    rootPem,
  })
  const reach = new ApplicationReach()
  const { now, lossy } = o
  const silence = watchApplications({ clock: systemClock, log: silentLog, reach, now, lossy })
  const resolver = new Resolver({ lookup: o.lookup, keepMs: o.keepMs })
  const dialer = new Dialer(o.dialer)
  const udp = new ConnectorUdpFlows(o.udpIdleMs)
  const ledger = new ConnectorLedger({
    ...{ log: silentLog, reports: reportsOut, silence, reach, resolver, dialer },
    ...{ moved: new MovedNames(), unreached: new CountedLines(), probes: { used: () => {} } },
  })
  const main = new GrantAuthority(known)
  const apart = new ToldSessions({ ledger, authority: main, clock: systemClock, log: silentLog })
  const teller = new SessionTeller((text) => {
    apart.take(JSON.parse(text) as SessionBatch)
    setImmediate().then(() => teller.taken())
  })
  const services: StreamServices = {
    clock: systemClock,
    log: silentLog,
    authority: new GrantAuthority(known),
    resolver,
    dialer,
    udp,
    shares: o.shares ?? new ConnectorShares(),
    witness: o.apart ? teller : ledger,
    active: new ActiveSessions(o.apart ? teller : ledger),
  }
  reach.resume((source) => {
    for (let message = source(); message !== undefined; message = source()) told.push(message)
  })
  const facts = {
    connector: connectorId,
    device: deviceId,
    pipe: newId('pip'),
    edge: newId('edg'),
    firstSession: '',
    handoverUs: 1,
    innerTlsUs: 2,
  }
  const streams = new TunnelStreams(services, facts, tenant.id, connectorEnd.peer.thumbprint)
  const server = new Mux(connectorEnd.socket, {
    role: 'connector',
    onOpen: streams.onOpen,
    onGrant: streams.onGrant,
  })
  const client = new Mux(clientEnd.socket, { role: 'client' })
  const reports = () => {
    reportsOut.flush()
    return told.flatMap((message) => (message.type === 'session' ? message.reports : []))
  }
  const sent = new Set<string>()
  const signed = new Map<string, { id: string; expiresMs: number }>()
  let opened = 0

  return {
    services,
    ledger,
    reach,
    apart,
    teller,
    silence,
    client,
    facts,
    told,
    async grant(change = {}, key = 'ours') {
      const issuedMs = change.issuedMs ?? Date.now()
      const grant: Grant = {
        id: newId('grt', issuedMs),
        tenant: tenant.id,
        user: newId('usr'),
        userName: 'asha',
        device: deviceId,
        thumbprint: connectorEnd.peer.thumbprint,
        connector: connectorId,
        segment: newId('seg'),
        segmentName: 'HR',
        rule: newId('rul'),
        hosts: ['app.example'],
        cidrs: [],
        addressCidrs: ['127.0.0.0/8', '::1/128'],
        tcp: [[1, 65_535]],
        udp: [[1, 65_535]],
        issuedMs,
        expiresMs: issuedMs + 600_000,
        ...change,
      }
      const jws = await signGrant(key === 'ours' ? tenant.signingKey : foreignKey, grant)
      signed.set(jws, grant)
      return jws
    },
    open(jws, to) {
      if (!sent.has(jws)) client.sendGrant(jws)
      sent.add(jws)
      const answered = Promise.withResolvers<Opened>()
      const closed = Promise.withResolvers<StreamEnd>()
      answered.promise.catch(() => {})
      const session = to.session ?? sessionId(signed.get(jws)!, opened++, Date.now())
      const stream = client.open(
        { grant: grantReference(jws), protocol: 'tcp', host: 'app.example', port: 80, ...to, session },
        {
          opened: (answer) => answered.resolve(answer),
          closed: (end) => {
            answered.reject(end)
            closed.resolve(end)
          },
        },
      )
      return { stream, session, opened: answered.promise, closed: closed.promise }
    },
    reports,
    record: async (session) => {
      for (;;) {
        const found = reports().find((report) => report.session === session && report.state === 'closed')
        if (found) return found
        await setImmediate()
      }
    },
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      for (const part of [resolver, dialer, udp, reach]) part[Symbol.dispose]()
      await reportsOut[Symbol.asyncDispose]()
    },
  }
}

async function tcpPair(): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const near = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  const [[far]] = await Promise.all([
    once(server, 'connection') as Promise<[net.Socket]>,
    once(near, 'connect'),
  ])
  server.close()
  return [near, far]
}
