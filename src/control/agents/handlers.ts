import { Fault } from '../../base/faults.ts'
import type { ControlMessage } from '../../wire/control.ts'
import type { Traces } from '../trace/traces.ts'
import { permit } from './authorize.ts'
import { type CertifyDeps, renew } from './certify.ts'
import { CLIENT_KIND, type ClientDeps, Clients } from './clients.ts'
import { Connectors } from './connectors.ts'
import type { Diagnoses } from './diagnoses.ts'
import type { EdgeNews } from './edge-news.ts'
import type { AfterHello, AgentHandlers } from './hub.ts'
import type { LaneNews } from './lanes.ts'
import { keepOutages } from './outages.ts'
import type { Connected } from './presence.ts'
import { revocation } from './reevaluate.ts'
import { ownReport, sessionFacts } from './session-facts.ts'
import type { VitalsOfConnectors } from './vitals.ts'

export interface HandlerDeps extends ClientDeps, CertifyDeps {
  readonly vitals: VitalsOfConnectors
  readonly news: EdgeNews
  readonly lanes: LaneNews
  readonly diagnoses: Diagnoses
  readonly traces: Traces
}

const MAX_COVERS = 2000
/** Text of what a client may reach: a hint must not make the welcome too long to be taken. */
const MAX_COVERS_CHARS = 64_000

/** What the control plane answers to each message, by who may send it. */
export function agentHandlers(deps: HandlerDeps): AgentHandlers {
  const clients = new Clients(deps)
  const connectors = new Connectors(deps)
  return {
    welcome: (connected) => welcome(deps, connected),

    async handle(connected, message) {
      const { role } = connected.peer.identity
      if (message.type === 'renew') return renew(deps, connected.peer.identity, message)
      if (message.type === 'outages') return keepOutages(deps, connected, message)
      if (role === 'edge') {
        if (message.type === 'edge-status') {
          if (deps.edges.status(connected, message)) deps.news.listChanged()
          return undefined
        }
        throw new Fault('PROTOCOL_ERROR', `an edge sent ${message.type}`)
      }
      if (message.type === 'session') {
        await takeReports(deps, connected, message)
        return undefined
      }
      if (message.type === 'edges') return void deps.edges.seen(connected, message)
      if (role === 'client') {
        if (message.type === 'authorize') return clients.authorize(connected, message)
        if (message.type === 'want-pipe') return clients.wantPipe(connected, message)
        if (message.type === 'trace-step') return void deps.traces.told(connected, message)
      } else {
        if (message.type === 'canary') return connectors.canary(connected, message)
        if (message.type === 'status') return void connectors.status(connected, message)
        if (message.type === 'carries') return void connectors.carries(connected, message)
        if (message.type === 'diagnosis') return void deps.diagnoses.said(connected, message)
        if (message.type === 'reach') return void connectors.reach(connected, message)
      }
      throw new Fault('PROTOCOL_ERROR', `a ${role} sent ${message.type}`)
    },

    refused({ identity }, from, fault) {
      if (identity.role !== 'connector') return
      deps.departures.refused(identity.id, from, fault, deps.clock.nowMs())
    },

    left(connected, fault) {
      const { role, id } = connected.peer.identity
      const why = fault === undefined ? 'orderly' : fault.message
      deps.log.info({ event: 'agent.left', agent: id, code: fault?.code }, `${role} ${id} left: ${why}`)
      if (role === 'edge') deps.news.listChanged()
      if (role === 'connector') connectorLeft(deps, connected, fault)
      const { connectors, devices, edges } = deps.store
      const records = { connector: connectors, client: devices, edge: edges }[role]
      records.seen(id, { address: connected.from, atMs: deps.clock.nowMs() }).catch((error: unknown) => {
        deps.log.warn({ event: 'agent.seen-lost', agent: id, err: error }, 'the time of leaving was not kept')
      })
    },
  }
}

function connectorLeft(
  { departures, vitals, presence, clock }: HandlerDeps,
  connected: Connected,
  fault: Fault | undefined,
): void {
  const { id } = connected.peer.identity
  const atMs = clock.nowMs()
  departures.left(connected, fault, atMs)
  const passage = { atMs, is: 'disconnected', address: connected.from } as const
  vitals.passed(id, { ...passage, code: fault?.code, hop: fault?.hop })
  // The connection that took its place has told anew.
  if (presence.connector(id) === undefined) presence.applications.forget(id)
}

/** The welcome, and revocations that it has no room for. */
async function welcome(deps: HandlerDeps, connected: Connected): Promise<ControlMessage[]> {
  const { role, id } = connected.peer.identity
  const nowMs = deps.clock.nowMs()
  if (role === 'edge') deps.news.listChanged()
  if (role === 'connector') {
    deps.departures.back(id)
    deps.vitals.passed(id, { atMs: nowMs, is: 'connected', address: connected.from })
  }
  const revoked = await deps.store.revocations.grants(id, nowMs)
  const [first, ...more] = revocation(revoked, 'revoked before this connection')
  const state: ControlMessage = {
    type: 'welcome',
    agent: id,
    tenant: deps.tenant,
    serverTimeMs: nowMs,
    edge: deps.edges.via(connected.via),
    edges: role === 'edge' ? undefined : deps.edges.list(),
    region: role === 'connector' ? await regionOf(deps, id) : undefined,
    grantKeys: deps.grantKeys.published,
    revoked: first?.grants ?? [],
    covers: role === 'client' ? await covers(deps, connected) : undefined,
    lanes: role === 'client' ? await deps.lanes.now() : undefined,
  }
  return [state, ...more, ...(role === 'edge' ? deps.news.wholeState() : [])]
}

/** Members of a group share its region. */
async function regionOf({ store }: HandlerDeps, connector: string): Promise<string | undefined> {
  const record = await store.connectors.byId(connector)
  const group = record && (await store.objects.find('connector-group', record.groupId))
  return group?.spec.region
}

/** Hosts and networks that policy would let this device reach now: a hint for its PAC file. */
async function covers(deps: HandlerDeps, client: Connected): Promise<{ hosts: string[]; cidrs: string[] }> {
  const policy = await deps.policy()
  const device = await deps.store.devices.byId(client.peer.identity.id)
  const hosts = new Set<string>()
  const cidrs = new Set<string>()
  for (const segment of device === undefined ? [] : policy.segments) {
    const protocol = segment.tcp.length > 0 ? ('tcp' as const) : ('udp' as const)
    const port = (segment.tcp[0] ?? segment.udp[0])?.[0]
    if (port === undefined || !segment.enabled) continue
    const asked = {
      ...{
        user: device!.userId,
        device: device!.id,
        clientKind: CLIENT_KIND,
        protocol,
        port,
        nowMs: deps.clock.nowMs(),
      },
      posture: { ...client.posture, ...device!.posture },
    } as const
    for (const host of segment.hosts)
      if (isPermitted(() => permit(policy, { ...asked, host: host.replace('*', 'x') }))) hosts.add(host)
    for (const cidr of segment.cidrs)
      if (isPermitted(() => permit(policy, { ...asked, host: cidr.split('/')[0]! }))) cidrs.add(cidr)
  }
  return { hosts: shortened(hosts), cidrs: shortened(cidrs) }
}

function shortened(names: Iterable<string>): string[] {
  let left = MAX_COVERS_CHARS
  return [...names].slice(0, MAX_COVERS).filter((name) => {
    left -= name.length
    return left >= 0
  })
}

function isPermitted(ask: () => unknown): boolean {
  try {
    ask()
    return true
  } catch {
    return false
  }
}

async function takeReports(
  deps: HandlerDeps,
  connected: Connected,
  { reports }: Extract<AfterHello, { type: 'session' }>,
): Promise<void> {
  const factsOf = sessionFacts(connected, await deps.policy(), deps.edges)
  // Waited for: an agent that reports faster than the store writes has to wait, too.
  await Promise.all(
    reports.map(async (raw) => {
      const report = ownReport(connected, raw)
      await deps.store.sessions.merge(report, factsOf(report)).catch((error: unknown) => {
        const about = { session: report.session, agent: connected.peer.identity.id }
        deps.log.warn({ event: 'session.refused', ...about, err: error }, 'a session report was not kept')
      })
    }),
  )
}
