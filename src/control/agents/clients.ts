import { type Clock, rfc3339 } from '../../base/clock.ts'
import { asFault, Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { newId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { sessionId } from '../../base/session-id.ts'
import { faultToMessage } from '../../link/control/fault-message.ts'
import { leftText } from '../../policy/parting-text.ts'
import { lostText } from '../../policy/select.ts'
import {
  type AgentMessage,
  type ControlMessage,
  type FaultMessage,
  MAX_NOTES,
  type PipeTicket,
} from '../../wire/control.ts'
import type { Permitted } from '../access/authorize.ts'
import { type Authorize, type GiveGrantDeps, giveGrant } from '../access/give-grant.ts'
import { objection } from '../access/objection.ts'
import { type PipeDeps, pipeBetween } from '../access/pipes.ts'
import { Refused } from '../access/told.ts'
import type { ControlShares } from '../base/shares.ts'
import type { Connected } from '../presence/presence.ts'
import type { Probing } from '../presence/probing.ts'
import { keepDenial } from '../trace/keep-denial.ts'
import type { Refusals } from '../trace/refusals.ts'
import { withWhatWas } from '../trace/what-was.ts'
import { withWhoServed } from '../trace/who-served.ts'

type WantPipe = Extract<AgentMessage, { type: 'want-pipe' }>

export interface ClientDeps extends PipeDeps, GiveGrantDeps {
  readonly shares: ControlShares
  readonly probing: Probing
  readonly refusals: Refusals
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
    const { clock, log, refusals, live } = this.#deps
    const device = client.peer.identity.id
    try {
      const given = await giveGrant(this.#deps, client, asked)
      const { permitted, selection, userName, policyUs, selectionUs } = given
      const { grant, jws } = given.made
      const session = sessionId(grant, 0, clock.nowMs())
      this.#chose(selection.chosen.id, permitted, asked)
      // Over its share of pipes a device has its grant all the same: asking for the pipe it is told to wait.
      const needs = asked.wantPipe && !asked.have?.includes(selection.chosen.id)
      const need = needs && this.#deps.shares.pipes.allows(device, client.device?.userId)
      const stands = () => {
        if (!live.has(grant.id)) throw new Fault('GRANT_REVOKED', 'it was revoked before it was delivered')
      }
      const pipe = need ? await this.#pipe(client, selection.chosen.id, session, stands) : undefined
      stands() // Revoked before it is told, it would be kept by the client as if it were good.
      log.info(
        {
          event: 'access.granted',
          session,
          user: userName,
          device,
          host: permitted.host,
          port: asked.port,
          rule: permitted.rule.name,
          segment: permitted.segment.name,
          connector: selection.chosen.name,
        },
        `${userName} may reach ${hostPort({ host: permitted.host, port: asked.port })} through ${selection.chosen.name}`,
      )
      return {
        type: 'granted',
        id: asked.id,
        grant: jws,
        grantId: grant.id,
        session,
        expiresMs: grant.expiresMs,
        segment: grant.segment,
        segmentName: grant.segmentName,
        rule: grant.rule,
        connector: grant.connector,
        connectorName: selection.chosen.name,
        covers: { hosts: grant.hosts, cidrs: grant.cidrs, tcp: grant.tcp, udp: grant.udp },
        pipe: pipe?.ticket,
        policyUs,
        selectionUs,
        notes: await this.#notesOf(permitted, asked),
        because: [`rule ${permitted.rule.name}`, selection.because, ...(pipe ? [pipe.because] : [])]
          .join('; ')
          .slice(0, MAX_BECAUSE),
      }
    } catch (error) {
      const fault = asFault(error)
      const { host, port, protocol } = asked
      const nowMs = clock.nowMs()
      const what = `${protocol} ${hostPort({ host, port })} ${fault.code}`
      const { id: denial, isFirst } = refusals.count(device, what, nowMs, () => newId('den', nowMs))
      const served = await withWhoServed(this.#deps, faultToMessage(fault))
      const told = fault instanceof Refused ? faultToMessage(fault.told) : served.told
      // In the evidence, so that whatever shows the fault shows what to ask an admin about.
      const answer = { ...told, seen: { ...told.seen, denial, device } }
      if (!isFirst) return { type: 'denied', id: asked.id, denial, fault: answer }
      const full = served.full
      const detail = {
        code: fault.code,
        detail: full.detail,
        host,
        port,
        protocol,
        device,
        from: client.from,
      }
      const says = `${full.code} (${full.hop}): ${full.detail}`
      log.warn({ event: 'access.denied', denial, ...detail, seen: full.seen }, says)
      const kept = await withWhatWas(this.#deps.store, full, host)
      await keepDenial(this.#deps, client, { id: denial, asked, fault: kept, detail }).catch(
        (lost: unknown) => {
          refusals.forget(denial)
          log.error({ event: 'access.denial-lost', denial, err: lost }, 'a denial could not be stored')
        },
      )
      return { type: 'denied', id: asked.id, denial, fault: answer }
    }
  }

  /** A connection that stands does not show it: the user is told what the connectors know, and by which of them. */
  async #notesOf(
    { segment, host }: Permitted,
    { port, protocol }: Authorize,
  ): Promise<FaultMessage[] | undefined> {
    const { policy, presence, clock } = this.#deps
    const now = await policy.inEffect()
    const nowMs = clock.nowMs()
    const notes = now.members(now.connectorGroupsOf(segment)).flatMap(({ id, name }) => {
      const told = presence.applications.about(id, { host, port, protocol }, nowMs)
      if (told?.ok !== true || told.fault === undefined) return []
      const { code, hop, detail, seen } = told.fault
      const saw = seen?.saw === undefined ? {} : { seen: { saw: seen.saw } }
      return [{ code, hop, detail: `${detail.replace(/\.$/, '')}, reported by ${name}`, ...saw }]
    })
    return notes.length === 0 ? undefined : notes.slice(0, MAX_NOTES)
  }

  #chose(connector: string, { segment, host }: Permitted, { port, protocol }: Authorize): void {
    const connected = this.#deps.presence.connector(connector)
    if (connected !== undefined) connected.given = (connected.given ?? 0) + 1
    if (protocol === 'tcp') this.#deps.probing.used({ segment: segment.id, host, port })
  }

  /** One more pipe to a connector that the device holds a grant for, and would be given one now. */
  async wantPipe(client: Connected, asked: WantPipe): Promise<ControlMessage> {
    await this.#requireGrant(client, asked.connector) // before anybody is waited for
    const pipe = await this.#pipe(client, asked.connector, asked.session, () =>
      this.#requireGrant(client, asked.connector),
    )
    return { type: 'pipe', id: asked.id, pipe: pipe.ticket }
  }

  /** @throws {Fault} GRANT_EXPIRED unless a grant of this device leads there that policy, as it is now, leaves standing. */
  async #requireGrant(client: Connected, connector: string): Promise<void> {
    const { live, store, clock, policy } = this.#deps
    const { id } = client.peer.identity
    const now = await policy.inEffect()
    const device = await store.devices.byId(id)
    const holder = { device, nowMs: clock.nowMs() }
    for (const grant of live.between(id, connector, holder.nowMs)) {
      if (objection(now, grant, holder) === undefined) return
    }
    throw new Fault('GRANT_EXPIRED', `no grant of this device covers connector ${connector}`)
  }

  /**
   * Tells the connector to come, and gives the client its half.
   *
   * @param stillRight Asked last, when nothing is waited for any more: throws where it would not be given now.
   */
  async #pipe(
    client: Connected,
    connectorId: string,
    session: string,
    stillRight: () => Promise<void> | void,
  ): Promise<{ ticket: PipeTicket; because: string }> {
    const { presence } = this.#deps
    let connector = presence.connector(connectorId)
    if (connector === undefined && (await presence.returning.one([connectorId]))) {
      connector = presence.connector(connectorId)
    }
    if (connector === undefined) {
      const left = this.#deps.departures.of(connectorId).left
      const since =
        left === undefined
          ? ''
          : `, ${left.orderly ? leftText(left.parting?.why) : lostText(left.lost)} at ${rfc3339(left.atMs)}`
      throw new Fault('NO_HEALTHY_CONNECTOR', `connector ${connectorId} is no longer connected${since}`, {
        hop: 'connector',
      })
    }
    const pipe = await pipeBetween(this.#deps, client, connector, session)
    await stillRight()
    connector.channel.send({ type: 'ticket', pipe: pipe.connector, session })
    return { ticket: pipe.client, because: pipe.because }
  }
}
