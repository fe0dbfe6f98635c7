import type { Clock } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { faultToMessage } from '../../link/fault-message.ts'
import type { Store } from '../../store/store.ts'
import type { AgentMessage, ControlMessage, PipeTicket } from '../../wire/control.ts'
import type { Keyring } from '../keyring.ts'
import type { PolicySnapshot } from '../snapshot.ts'
import { keepDenial } from '../trace/keep-denial.ts'
import { choose, type Permitted, permit } from './authorize.ts'
import { candidatesOf } from './candidates.ts'
import type { Departures } from './departures.ts'
import { issueGrant } from './grants.ts'
import type { LiveGrants } from './live-grants.ts'
import { type PipeDeps, pipeBetween } from './pipes.ts'
import type { Connected, Presence } from './presence.ts'
import type { Probing } from './probing.ts'

type Authorize = Extract<AgentMessage, { type: 'authorize' }>
type WantPipe = Extract<AgentMessage, { type: 'want-pipe' }>

/** What a device looks like to rules that ask for the kind of client. */
export const CLIENT_KIND = 'client'

export interface ClientDeps extends PipeDeps {
  readonly store: Store
  readonly presence: Presence
  readonly departures: Departures
  readonly live: LiveGrants
  readonly probing: Probing
  readonly grantKeys: Keyring
  readonly policy: () => Promise<PolicySnapshot>
  readonly clock: Clock
  readonly log: Log
}

const MAX_BECAUSE = 1024

/** Answers clients: may I reach this, and by which way? */
export class Clients {
  readonly #deps: ClientDeps

  constructor(deps: ClientDeps) {
    this.#deps = deps
  }

  async authorize(client: Connected, asked: Authorize): Promise<ControlMessage> {
    const { store, clock, log } = this.#deps
    const device = client.peer.identity.id
    const startUs = clock.monotonicUs()
    try {
      const policy = await this.#deps.policy()
      const record = await store.devices.byId(device)
      if (record === undefined || !record.enabled)
        throw new Fault('IDENTITY_REVOKED', `device ${device} is disabled or deleted`)
      const { userId } = record
      const posture = { ...client.posture, ...record.posture }
      const permitted = permit(policy, {
        ...{ user: userId, device, posture, clientKind: CLIENT_KIND, nowMs: clock.nowMs() },
        ...{ host: asked.host, port: asked.port, protocol: asked.protocol },
      })
      const policyUs = Math.max(0, clock.monotonicUs() - startUs)
      const selection = await this.#select(policy, permitted, asked.port, client)
      const selectionUs = Math.max(0, clock.monotonicUs() - startUs - policyUs)

      const { thumbprint, notAfterMs } = client.peer
      const userName = policy.users.get(userId)?.name ?? userId
      const { grant, jws, live } = await issueGrant(
        this.#deps,
        this.#deps.grantKeys.signing,
        { user: userId, userName, device, thumbprint, notAfterMs },
        permitted,
        selection.chosen,
      )
      this.#deps.live.add(live)
      this.#chose(selection.chosen.id, permitted, asked)
      const need = asked.wantPipe && !asked.have?.includes(selection.chosen.id)
      const pipe = need ? await this.#pipe(client, selection.chosen.id, asked.session) : undefined
      log.info(
        {
          event: 'access.granted',
          session: asked.session,
          user: userName,
          device,
          host: permitted.host,
          port: asked.port,
          rule: permitted.rule.name,
          segment: permitted.segment.name,
          connector: selection.chosen.name,
        },
        `${userName} may reach ${permitted.host}:${asked.port} through ${selection.chosen.name}`,
      )
      return {
        type: 'granted',
        id: asked.id,
        grant: jws,
        grantId: grant.id,
        expiresMs: grant.expiresMs,
        segment: grant.segment,
        segmentName: grant.segmentName,
        rule: grant.rule,
        connector: grant.connector,
        covers: { hosts: grant.hosts, cidrs: grant.cidrs, tcp: grant.tcp, udp: grant.udp },
        pipe: pipe?.ticket,
        policyUs,
        selectionUs,
        because: [`rule ${permitted.rule.name}`, selection.because, ...(pipe ? [pipe.because] : [])]
          .join('; ')
          .slice(0, MAX_BECAUSE),
      }
    } catch (error) {
      const fault = asFault(error)
      const denial = newId('den', clock.nowMs())
      const { host, port, protocol } = asked
      const detail = {
        code: fault.code,
        detail: fault.detail,
        host,
        port,
        protocol,
        device,
        from: client.from,
      }
      log.warn(
        { event: 'access.denied', denial, session: asked.session, ...detail, seen: fault.seen },
        fault.message,
      )
      const told = faultToMessage(fault)
      await keepDenial(this.#deps, client, { id: denial, asked, fault: told, detail })
      // In the evidence, so that whatever shows the fault shows what to ask an admin about.
      return { type: 'denied', id: asked.id, denial, fault: { ...told, seen: { ...told.seen, denial } } }
    }
  }

  #chose(connector: string, { segment, host }: Permitted, { port, protocol }: Authorize): void {
    const connected = this.#deps.presence.connector(connector)
    if (connected !== undefined) connected.given = (connected.given ?? 0) + 1
    if (protocol === 'tcp') this.#deps.probing.used({ segment: segment.id, host, port })
  }

  /** One more pipe to a connector that the device holds a grant for. */
  async wantPipe(client: Connected, asked: WantPipe): Promise<ControlMessage> {
    const { live, clock } = this.#deps
    if (!live.between(client.peer.identity.id, asked.connector, clock.nowMs())) {
      throw new Fault('GRANT_EXPIRED', `no grant of this device leads to connector ${asked.connector}`)
    }
    const { ticket } = await this.#pipe(client, asked.connector, asked.session)
    return { type: 'pipe', id: asked.id, pipe: ticket }
  }

  /** Tells the connector to come, and gives the client its half. */
  async #pipe(
    client: Connected,
    connectorId: string,
    session: string,
  ): Promise<{ ticket: PipeTicket; because: string }> {
    const { presence } = this.#deps
    let connector = presence.connector(connectorId)
    if (connector === undefined && (await presence.returning.one([connectorId]))) {
      connector = presence.connector(connectorId)
    }
    if (connector === undefined) {
      throw new Fault('NO_HEALTHY_CONNECTOR', `connector ${connectorId} is no longer connected`)
    }
    const pipe = await pipeBetween(this.#deps, client, connector, session)
    connector.channel.send({ type: 'ticket', pipe: pipe.connector, session })
    return { ticket: pipe.client, because: pipe.because }
  }

  /** A connector that has just lost its connection is likely to be back in a moment. */
  async #select(policy: PolicySnapshot, { segment, host }: Permitted, port: number, client: Connected) {
    const { presence, departures, clock } = this.#deps
    const to = { host, port }
    const select = () =>
      choose(policy, segment, (groups) =>
        candidatesOf(policy, presence, groups, { client, to, departures, nowMs: clock.nowMs() }),
      )
    try {
      return select()
    } catch (error) {
      if (asFault(error).code !== 'NO_HEALTHY_CONNECTOR') throw error
      const members = policy.members(policy.connectorGroupsOf(segment))
      if (!(await this.#deps.presence.returning.one(members.map(({ id }) => id)))) throw error
      return select()
    }
  }
}
