import type { CountedLines } from '../../base/counted-lines.ts'
import { Fault } from '../../base/faults.ts'
import type { IdentityRole } from '../../pki/identity.ts'
import { partingText } from '../../policy/parting-text.ts'
import {
  batches,
  type ControlMessage,
  encodedBytes,
  MAX_MESSAGE_BYTES,
  MAX_REVOKED,
} from '../../wire/control.ts'
import { revocation } from '../access/reevaluate.ts'
import type { KeySets } from '../base/key-sets.ts'
import type { Departures } from '../presence/departures.ts'
import type { Diagnoses } from '../presence/diagnoses.ts'
import type { EdgeUpdates } from '../presence/edge-updates.ts'
import { lossOf, lossText, lostBy } from '../presence/loss.ts'
import type { Connected } from '../presence/presence.ts'
import type { VitalsOfConnectors } from '../presence/vitals.ts'
import { OwnLooks } from '../trace/own-look.ts'
import type { Traces } from '../trace/traces.ts'
import { type CertifyDeps, renew } from './certify.ts'
import { type ClientDeps, Clients } from './clients.ts'
import { ConnectorMessages } from './connector-messages.ts'
import { coversOf } from './covers.ts'
import type { AgentHandlers } from './hub.ts'
import type { LaneUpdates } from './lanes.ts'
import { keepOutages } from './outages.ts'
import { takeReports } from './take-reports.ts'

export interface HandlerDeps extends ClientDeps, CertifyDeps {
  readonly unreached: CountedLines
  readonly deviceDepartures: Departures
  readonly vitals: VitalsOfConnectors
  readonly grantSets: KeySets
  readonly ticketSets: KeySets
  readonly news: EdgeUpdates
  readonly lanes: LaneUpdates
  readonly diagnoses: Diagnoses
  readonly traces: Traces
}

/** What the control plane answers to each message, by who may send it. */
export function agentHandlers(deps: HandlerDeps): AgentHandlers {
  const clients = new Clients(deps)
  const connectors = new ConnectorMessages(deps)
  const looks = new OwnLooks(deps)
  const { shares } = deps
  return {
    welcome: (connected) => welcome(deps, connected),

    async handle(connected, message) {
      const { role, id } = connected.peer.identity
      const user = connected.device?.userId
      if (message.type === 'renew') {
        shares.renewals.take(id)
        return renew(deps, connected, message)
      }
      if (message.type === 'outages') return keepOutages(deps, connected, message)
      if (role === 'edge') {
        if (message.type === 'edge-status') {
          if (deps.edges.status(connected, message)) deps.news.listChanged()
          return undefined
        }
        throw new Fault('PROTOCOL_ERROR', `an edge sent ${message.type}`)
      }
      if (message.type === 'session') return takeReports(deps, connected, message)
      if (message.type === 'edges') return void deps.edges.seen(connected, message)
      if (role === 'client') {
        if (message.type === 'authorize') {
          shares.questions.take(id, user)
          deps.live.requireRoom(id)
          return clients.authorize(connected, message)
        }
        if (message.type === 'want-pipe') {
          shares.pipes.take(id, user)
          return clients.wantPipe(connected, message)
        }
        if (message.type === 'look') {
          shares.looks.take(id)
          return void looks.ask(connected, message)
        }
        if (message.type === 'trace-step') return void deps.traces.told(connected, message)
      } else {
        if (message.type === 'canary') {
          shares.canaries.take(id)
          return connectors.canary(connected, message)
        }
        if (message.type === 'status') return void connectors.status(connected, message)
        if (message.type === 'carries') return void connectors.carries(connected, message)
        if (message.type === 'diagnosis') return void deps.diagnoses.said(connected, message)
        if (message.type === 'reach') return void connectors.reach(connected, message)
      }
      throw new Fault('PROTOCOL_ERROR', `a ${role} sent ${message.type}`)
    },

    refused({ identity }, from, fault) {
      if (identity.role === 'edge') return
      const of = identity.role === 'client' ? deps.deviceDepartures : deps.departures
      of.refused(identity.id, from, fault, deps.clock.nowMs())
    },

    left(connected, fault) {
      const { role, id } = connected.peer.identity
      const code = fault && (role === 'connector' ? lossOf(fault).code : fault.code)
      const lost = fault && lostBy(fault)
      const how = fault === undefined ? partingText(connected.channel.parting) : lossText(fault)
      deps.log.info({ event: 'agent.left', agent: id, code, lost }, `${role} ${id} left: ${how}`)
      if (role === 'edge') deps.news.listChanged()
      if (role === 'connector') connectorLeft(deps, connected, fault && lossOf(fault))
      // A command that comes and goes beside its daemon is nobody's departure.
      if (role === 'client' && deps.presence.clients(id).size === 0)
        deps.deviceDepartures.left(connected, fault, deps.clock.nowMs())
      const { connectors, devices, edges } = deps.store
      const records = role === 'connector' ? connectors : role === 'client' ? devices : edges
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
  vitals.passed(id, { is: 'disconnected', address: connected.from, code: fault?.code, hop: fault?.hop })
  // The connection that took its place has told anew.
  if (presence.connector(id) === undefined) presence.applications.forget(id)
}

/** The welcome, and revocations that it has no room for. */
async function welcome(deps: HandlerDeps, connected: Connected): Promise<ControlMessage[]> {
  const { role, id } = connected.peer.identity
  const nowMs = deps.clock.nowMs()
  if (role === 'edge') deps.news.listChanged()
  if (role === 'client') deps.deviceDepartures.here(id)
  if (role === 'connector') {
    deps.departures.back(id)
    deps.vitals.passed(id, { is: 'connected', address: connected.from })
  }
  const group = role === 'connector' ? await groupOf(deps, id) : undefined
  const state: Extract<ControlMessage, { type: 'welcome' }> = {
    type: 'welcome',
    agent: id,
    tenant: deps.tenant,
    serverTimeMs: nowMs,
    edge: deps.edges.via(connected.via),
    edges: role === 'edge' ? undefined : deps.edges.list(),
    region: group?.spec.region,
    group: group?.name,
    keys: keysFor(deps, role),
    revoked: [],
    covers: role === 'client' ? await coversOf(deps, connected) : undefined,
    lanes: role === 'client' ? await deps.lanes.now() : undefined,
  }
  const revoked = await deps.store.revocations.grants(id, nowMs)
  const room = MAX_MESSAGE_BYTES - encodedBytes(state)
  const [first = []] = batches(revoked, { maxBytes: room, maxItems: MAX_REVOKED })
  const more = revocation(revoked.slice(first.length), 'revoked before this connection')
  return [{ ...state, revoked: first }, ...more, ...(role === 'edge' ? deps.news.wholeState() : [])]
}

/** What verifies what such an agent is shown. */
function keysFor({ grantSets, ticketSets }: HandlerDeps, role: IdentityRole): string | undefined {
  return role === 'connector' ? grantSets.current : role === 'edge' ? ticketSets.current : undefined
}

/** Members of a group share its region. */
async function groupOf({ store }: HandlerDeps, connector: string) {
  const record = await store.connectors.byId(connector)
  return record && (await store.objects.find('connector-group', record.groupId))
}
