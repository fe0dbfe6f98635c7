import { Fault } from '../../base/faults.ts'
import type { LiveGrants } from '../access/live-grants.ts'
import type { ControlShares } from '../base/shares.ts'
import type { Diagnoses } from '../presence/diagnoses.ts'
import type { EdgeUpdates } from '../presence/edge-updates.ts'
import type { Edges } from '../presence/edges.ts'
import { OwnLooks } from '../trace/own-look.ts'
import type { RunTraceDeps } from '../trace/run-trace.ts'
import type { Traces } from '../trace/traces.ts'
import { type CertifyDeps, renew } from './certify.ts'
import { type ClientDeps, Clients } from './clients.ts'
import { type ConnectorDeps, ConnectorMessages } from './connector-messages.ts'
import { type FarewellDeps, left, refused } from './farewell.ts'
import type { AgentHandlers } from './hub.ts'
import { keepOutages } from './outages.ts'
import { type TakeReportsDeps, takeReports } from './take-reports.ts'
import { type WelcomeDeps, welcome } from './welcome.ts'

interface DispatchDeps {
  readonly shares: ControlShares
  readonly live: LiveGrants
  readonly edges: Edges
  readonly news: EdgeUpdates
  readonly diagnoses: Diagnoses
  readonly traces: Traces
}

/** What it takes to hand each message on, and what those need that it is handed to. */
export type HandlerDeps = DispatchDeps &
  WelcomeDeps &
  FarewellDeps &
  CertifyDeps &
  TakeReportsDeps &
  ClientDeps &
  ConnectorDeps &
  RunTraceDeps

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

    refused: (peer, from, fault) => refused(deps, peer, from, fault),
    left: (connected, fault) => left(deps, connected, fault),
  }
}
