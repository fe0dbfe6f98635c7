import type net from 'node:net'
import type { KnownKeys } from '../../src/agent/identity/known-keys.ts'
import { CountedLines } from '../../src/base/counted-lines.ts'
import { silentLog } from '../../src/base/log.ts'
import { tellEnded } from '../../src/connector/control/tell-ended.ts'
import { MovedNames } from '../../src/connector/dial/moved-names.ts'
import type { Resolver } from '../../src/connector/dial/resolver.ts'
import { ActiveSessions } from '../../src/connector/sessions/active-sessions.ts'
import {
  ConnectorLedger,
  type ConnectorLedgerServices,
} from '../../src/connector/sessions/connector-ledger.ts'
import { GrantAuthority } from '../../src/connector/sessions/tunnel-grants.ts'
import { ConnectorShares } from '../../src/connector/tunnels/shares.ts'
import { type StreamServices, TunnelStreams } from '../../src/connector/tunnels/streams.ts'
import type { ControlParts } from '../../src/control/parts.ts'
import { verifyKeys } from '../../src/pki/signing-keys.ts'
import type { Peer } from '../../src/pki/verify.ts'
import { type ControlMessage, PROTOCOL_VERSION } from '../../src/wire/control.ts'
import { grantReference } from '../../src/wire/open.ts'
import type { To } from './change.ts'
import { ModelChannel } from './channel.ts'
import type { Granted } from './client.ts'
import { ModelStream } from './stream.ts'

export interface Opening {
  readonly granted: Granted
  /** The client at the other end of the tunnel. */
  readonly client: Peer
  readonly process: string
  readonly session: string
  readonly user: string
  readonly to: To
  readonly networks: readonly string[]
}

/** A session that was let through. */
export class ModelSession {
  readonly connector: ModelConnector
  readonly granted: Granted
  /** The process of the client that has it. */
  readonly process: string
  readonly device: string
  readonly user: string
  readonly to: To
  readonly networks: readonly string[]
  readonly stream: ModelStream
  /** It was denied at a time when its connector could not be told. */
  wasDenied = false

  constructor(connector: ModelConnector, stream: ModelStream, opening: Opening) {
    this.connector = connector
    this.stream = stream
    this.granted = opening.granted
    this.process = opening.process
    this.device = opening.client.identity.id
    this.user = opening.user
    this.to = opening.to
    this.networks = opening.networks
  }

  /** Its user or its application ends it. */
  close(): void {
    this.connector.sessions.delete(this)
    this.stream.reset('done', '')
  }

  cut(): void {
    this.stream.reset('IDENTITY_REVOKED', '')
  }
}

/** Wherever a name leads: something of each network that segments speak of. */
const ADDRESSES = ['192.168.1.7', '192.168.1.8', '192.168.1.9', '192.168.7.7', '10.9.9.9', '127.0.0.1']

// Held to what the connector calls, and nothing behind it: names and applications are there at once.
const NAMES: Pick<StreamServices['resolver'], 'addresses'> = { addresses: () => ADDRESSES }
const APPLICATIONS: Pick<StreamServices['dialer'], 'dial'> = {
  dial(addresses, _port, done) {
    done(undefined, {} as net.Socket, addresses[0]!)
    return () => {}
  },
}
const FLOWS: Pick<StreamServices['udp'], 'open'> = {
  open(_stream, _early, { addresses }, { ready }) {
    ready(addresses[0]!)
    return () => {}
  },
}
const UNHEARD = { note() {} }

/** A connector: what verifies, holds and cuts sessions in it is the real one; names and applications are not asked. */
export class ModelConnector {
  readonly id: string
  readonly sessions = new Set<ModelSession>()
  readonly #parts: ControlParts
  readonly #services: StreamServices
  readonly #ledger: ConnectorLedger
  readonly #tunnels = new Map<string, TunnelStreams>()
  #channel: ModelChannel | undefined

  constructor(id: string, parts: ControlParts) {
    this.id = id
    this.#parts = parts
    const known = {
      get keys() {
        return verifyKeys('grant', parts.grantKeys.published)
      },
    }
    const reports = { opened() {}, closed() {} } as unknown as ConnectorLedgerServices['reports']
    // Whether an application answers is not what this is about.
    const silence = { opened() {}, answered() {}, ended: () => undefined }
    const resolver = NAMES as Resolver
    const dialer = APPLICATIONS as StreamServices['dialer']
    this.#ledger = new ConnectorLedger({
      ...{ log: silentLog, reports, silence, resolver, dialer, reach: UNHEARD, probes: { used() {} } },
      ...{ moved: new MovedNames(), unreached: new CountedLines() },
    })
    this.#services = {
      clock: parts.clock,
      log: silentLog,
      authority: new GrantAuthority(known as unknown as KnownKeys),
      resolver,
      dialer,
      udp: FLOWS as StreamServices['udp'],
      witness: this.#ledger,
      active: new ActiveSessions(this.#ledger),
      shares: new ConnectorShares(),
    }
  }

  get isConnected(): boolean {
    return this.#channel?.isOpen === true
  }

  comes() {
    this.#channel = new ModelChannel((message) => this.#hear(message))
    return this.#channel.end
  }

  hello(): void {
    const said = { program: 'p', host: 'h', role: 'connector', timeMs: this.#parts.clock.nowMs() } as const
    this.#channel?.say({ type: 'hello', version: PROTOCOL_VERSION, ...said })
  }

  goes(): void {
    this.#channel?.goes()
  }

  /** As a client opens it, in its tunnel. @returns why it was refused, or nothing. */
  async open(opening: Opening): Promise<string | undefined> {
    const { granted, to, session } = opening
    const tunnel = this.#tunnelOf(opening)
    const stream = new ModelStream()
    tunnel.onGrant(granted.grant)
    tunnel.onOpen(stream.end, {
      session,
      grant: grantReference(granted.grant),
      ...to,
      absolute: false,
    } as never)
    while (!stream.isAccepted && stream.why === undefined) await new Promise(setImmediate)
    if (stream.why !== undefined) return stream.why
    const opened = new ModelSession(this, stream, opening)
    this.sessions.add(opened)
    return undefined
  }

  /** Those that were cut since somebody last asked. */
  takeCut(): ModelSession[] {
    const cut = [...this.sessions].filter(({ stream }) => !stream.isOpen)
    for (const session of cut) this.sessions.delete(session)
    return cut
  }

  /** Every half minute. */
  tick(): void {
    const { clock } = this.#services
    for (const message of tellEnded(this.#ledger.open, clock.nowMs())) this.#channel?.say(message)
  }

  #tunnelOf({ client, process }: Opening): TunnelStreams {
    const known = this.#tunnels.get(process)
    if (known !== undefined) return known
    const facts = {
      ...{ connector: this.id, device: client.identity.id, pipe: 'pip_1', edge: 'edg_1' },
      ...{ firstSession: '', handoverUs: 0, innerTlsUs: 0 },
    }
    const made = new TunnelStreams(this.#services, facts, this.#parts.tenant, client.thumbprint)
    this.#tunnels.set(process, made)
    return made
  }

  /** As connector/control/connector-control.ts. */
  #hear(message: ControlMessage): void {
    const { authority, active, clock } = this.#services
    if (message.type === 'welcome') {
      authority.welcomed(message.serverTimeMs)
      authority.replaceRevoked(message.revoked, clock.nowMs())
      active.cut(message.revoked, 'revoked while the control connection was down')
    }
    if (message.type === 'revoke') {
      authority.revoke(message.grants, clock.nowMs())
      active.cut(message.grants, message.detail)
    }
  }
}
