/**
 * A real edge on loopback and the real front of a control plane behind it, with a tenant: the control plane itself is
 * the least that a front asks of one.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises'
import type http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { silentLog } from '../../src/base/log.ts'
import type { FrontBackend } from '../../src/control/front/backend.ts'
import { Front, type FrontOptions } from '../../src/control/front/front.ts'
import { createPublicCertificate } from '../../src/control/front/public-certificate.ts'
import { Edge, type EdgeOptions } from '../../src/edge/edge.ts'
import type { ControlEnd } from '../../src/link/control/control-ends.ts'
import type { Credentials } from '../../src/link/dial/credentials.ts'
import { DIRECT } from '../../src/link/dial/egress.ts'
import { TestTenant } from '../../src/link/dial/tenant.fixture.ts'
import { bringHalf } from '../../src/link/pipe/handover.ts'
import { type SecureTunnel, tunnelAsClient, tunnelAsConnector } from '../../src/link/pipe/secure-tunnel.ts'
import type { Peer } from '../../src/pki/verify.ts'
import type { PipeTicket } from '../../src/wire/control.ts'

export const EDGE_ID = 'edg_test'
const publicCertificate = await createPublicCertificate(['127.0.0.1'], Date.now())

export interface TestEdge extends AsyncDisposable {
  readonly edge: Edge
  readonly front: Front
  /** Of the control plane. */
  readonly socket: string
  readonly tenant: TestTenant
  readonly address: { id: string; host: string; port: number }
  readonly client: Credentials
  readonly connector: Credentials
  readonly revoked: Set<string>
  readonly attached: { channel: ControlEnd; peer: Peer; from: string; via?: string }[]
  /** Closes the pipes and control connections of matching peers. @returns how many. */
  cut(matches: (peer: Peer) => boolean): number
}

export interface TestEdgeOptions
  extends Partial<EdgeOptions>,
    Partial<Pick<FrontOptions, 'publicCertificate'>> {
  readonly backend?: Partial<FrontBackend>
  /** Of the process of the control plane. */
  readonly frontDescriptors?: number
  /** What shows itself as the control plane; one of role `control` by default. */
  readonly control?: Credentials
  readonly tenant?: TestTenant
  /** Where the front listens; a place of its own by default. */
  readonly socket?: string
  readonly welcome?: Welcoming
}

export async function openTestEdge(o: TestEdgeOptions = {}): Promise<TestEdge> {
  await using opening = new AsyncDisposableStack()
  const tenant = o.tenant ?? (await TestTenant.create())
  const revoked = new Set<string>()
  const attached: TestEdge['attached'] = []
  const { rootPem } = tenant.authority
  const isRevoked = (serial: string) => revoked.has(serial)
  const backend: FrontBackend = {
    ...{ tenant: tenant.id, rootPem, isRevoked },
    enrol: (body) => certify(tenant, 'connector', body.csr),
    login: (body) => certify(tenant, 'client', body.csr),
    attach: (channel, peer, from, via) => {
      attached.push({ channel, peer, from, via })
      if (o.welcome) greet(channel, peer, o.welcome)
    },
    http: (_request: http.IncomingMessage, response: http.ServerResponse) => response.end('hello, people\n'),
    admitsEdge: () => false,
    ...o.backend,
  }
  const {
    backend: _backend,
    control: _control,
    socket: _socket,
    tenant: _tenant,
    welcome: _welcome,
    frontDescriptors: descriptors,
    publicCertificate: shown,
    ...options
  } = o
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-edge-'))
  opening.defer(() => rm(dir, { recursive: true, force: true }))
  const socket = o.socket ?? path.join(dir, 'control.sock')
  const front = opening.use(
    await Front.open({
      ...{ socket, backend, log: silentLog, limits: o.limits, descriptors },
      credentials: o.control ?? (await tenant.credentials('control', 'ctl_test', { names: ['127.0.0.1'] })),
      publicCertificate: shown ?? publicCertificate,
    }),
  )
  const edge = opening.use(
    await Edge.open({
      listen: { host: '127.0.0.1', port: 0 },
      credentials: await tenant.credentials('edge', EDGE_ID, { names: ['127.0.0.1'] }),
      authority: {
        tenant: tenant.id,
        rootPem,
        isRevoked,
        revoked: () => revoked,
        ticketKeys: () => tenant.ticketKeys,
      },
      home: { home: { host: '127.0.0.1', port: 0, socket }, egress: DIRECT },
      log: silentLog,
      ...options,
    }),
  )
  const owned = opening.move()
  return {
    ...{ edge, front, socket, tenant },
    address: { id: EDGE_ID, host: '127.0.0.1', port: edge.port },
    client: await tenant.credentials('client', 'dev_1'),
    connector: await tenant.credentials('connector', 'con_1'),
    ...{ revoked, attached },
    cut: (matches) => edge.revoke(matches) + front.cut(matches),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Answers the hello of an agent, as a control plane does. */
export interface Welcoming {
  /** What the clock of the control plane shows. */
  readonly serverTimeMs?: () => number
  /** Key set that it brings. */
  readonly keys?: () => string | undefined
}

function greet(
  channel: ControlEnd,
  { identity }: Peer,
  { serverTimeMs = Date.now, keys = () => undefined }: Welcoming,
): void {
  channel.onMessage = (message) => {
    if (message.type !== 'hello') return
    channel.send({
      type: 'welcome',
      agent: identity.id,
      tenant: identity.tenant,
      serverTimeMs: serverTimeMs(),
      edge: { id: EDGE_ID, host: '127.0.0.1', port: 1 },
      keys: keys(),
      revoked: [],
    })
  }
}

async function certify(tenant: TestTenant, role: 'connector' | 'client', csrPem: string) {
  const identity = tenant.identity(role, `${role}_new`)
  const nowMs = Date.now()
  const issued = await tenant.authority.issue({ csrPem, identity, lifeMs: 3_600_000, nowMs })
  return {
    id: identity.id,
    tenant: tenant.id,
    certificate: issued.certificate,
    root: tenant.authority.rootPem,
    notAfterMs: issued.notAfterMs,
    generation: 1,
    serverTimeMs: nowMs,
  }
}

/** Both halves of one pipe, brought and secured end to end. */
export async function openTunnel(
  { tenant, address, client, connector }: TestEdge,
  tickets?: { client: PipeTicket; connector: PipeTicket },
): Promise<{ client: SecureTunnel; connector: SecureTunnel }> {
  const pipe = tickets ?? (await tenant.pipe(address, client, connector))
  const signal = AbortSignal.timeout(20_000)
  const [near, far] = await Promise.all([
    bringHalf(pipe.client, { egress: DIRECT, credentials: client, signal }),
    bringHalf(pipe.connector, { egress: DIRECT, credentials: connector, signal }),
  ])
  const [a, b] = await Promise.all([
    tunnelAsClient(near.socket, { credentials: client, peer: pipe.client.peer, signal }),
    tunnelAsConnector(far.socket, { credentials: connector, peer: pipe.connector.peer, signal }),
  ])
  return { client: a, connector: b }
}
