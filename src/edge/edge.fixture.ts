/**
 * A real edge on loopback with a tenant behind it, for tests: the control plane is the least that an edge asks of one.
 *
 * @module
 */
import type http from 'node:http'
import { silentLog } from '../base/log.ts'
import type { ControlEnd } from '../link/control-channel.ts'
import type { ControlPort } from '../link/control-port.ts'
import type { Credentials } from '../link/credentials.ts'
import { DIRECT } from '../link/egress.ts'
import { bringHalf } from '../link/handover.ts'
import { TestTenant } from '../link/tenant.fixture.ts'
import { type SecureTunnel, tunnelAsClient, tunnelAsConnector } from '../link/tunnel.ts'
import type { Peer } from '../pki/verify.ts'
import type { PipeTicket } from '../wire/control.ts'
import { Edge, type EdgeOptions } from './edge.ts'

export const EDGE_ID = 'edg_test'

export interface TestEdge extends AsyncDisposable {
  readonly edge: Edge
  readonly tenant: TestTenant
  readonly address: { id: string; host: string; port: number }
  readonly client: Credentials
  readonly connector: Credentials
  readonly revoked: Set<string>
  readonly attached: { channel: ControlEnd; peer: Peer; from: string; via?: string }[]
}

export async function openTestEdge(
  o: Partial<EdgeOptions> & { port?: Partial<ControlPort>; tenant?: TestTenant; welcome?: Welcoming } = {},
): Promise<TestEdge> {
  const tenant = o.tenant ?? (await TestTenant.create())
  const revoked = new Set<string>()
  const attached: TestEdge['attached'] = []
  const control: ControlPort = {
    tenant: tenant.id,
    rootPem: tenant.authority.rootPem,
    enrol: (body) => certify(tenant, 'connector', body.csr),
    login: (body) => certify(tenant, 'client', body.csr),
    attach: (channel, peer, from, via) => {
      attached.push({ channel, peer, from, via })
      if (o.welcome) greet(channel, peer, o.welcome)
    },
    http: (_request: http.IncomingMessage, response: http.ServerResponse) => response.end('hello, people\n'),
    ticketKeys: () => tenant.ticketKeys,
    isRevoked: (serial) => revoked.has(serial),
    admitsEdge: () => false,
    ...o.port,
  }
  const { port: _port, tenant: _tenant, welcome: _welcome, ...options } = o
  const edge = await Edge.open({
    listen: { host: '127.0.0.1', port: 0 },
    edgeId: EDGE_ID,
    credentials: await tenant.credentials('edge', EDGE_ID, { names: ['127.0.0.1'] }),
    control,
    log: silentLog,
    ...options,
  })
  return {
    edge,
    tenant,
    address: { id: EDGE_ID, host: '127.0.0.1', port: edge.port },
    client: await tenant.credentials('client', 'dev_1'),
    connector: await tenant.credentials('connector', 'con_1'),
    revoked,
    attached,
    [Symbol.asyncDispose]: () => edge[Symbol.asyncDispose](),
  }
}

/** Answers the hello of an agent, as a control plane does. */
export interface Welcoming {
  /** What the clock of the control plane shows. */
  readonly serverTimeMs?: () => number
}

function greet(channel: ControlEnd, { identity }: Peer, { serverTimeMs = Date.now }: Welcoming): void {
  channel.onMessage = (message) => {
    if (message.type !== 'hello') return
    channel.send({
      type: 'welcome',
      agent: identity.id,
      tenant: identity.tenant,
      serverTimeMs: serverTimeMs(),
      edge: { id: EDGE_ID, host: '127.0.0.1', port: 1 },
      grantKeys: [],
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
