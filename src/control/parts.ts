import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { Registry } from 'prom-client'
import { type Clock, systemClock } from '../base/clock.ts'
import { newId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { loadMasterKey } from '../pki/master-key.ts'
import { Vault } from '../pki/vault.ts'
import { openStore, type Store } from '../store/store.ts'
import { Departures } from './agents/departures.ts'
import { Diagnoses } from './agents/diagnoses.ts'
import { EdgeNews } from './agents/edge-news.ts'
import { Edges, HOME_NAME, type HomeEdge } from './agents/edges.ts'
import type { HandlerDeps } from './agents/handlers.ts'
import { LaneNews } from './agents/lanes.ts'
import { LiveGrants } from './agents/live-grants.ts'
import { Presence } from './agents/presence.ts'
import { Probing } from './agents/probing.ts'
import { VitalsOfConnectors } from './agents/vitals.ts'
import { type Authenticator, LocalAuthenticator } from './authenticator.ts'
import { Keyring } from './keyring.ts'
import { createFirstToken } from './rest/auth.ts'
import { cachedPolicy } from './snapshot.ts'
import { openTenant, type Tenant } from './tenant.ts'
import { Traces } from './trace/traces.ts'

export interface ControlOptions {
  /** Holds the database and, unless the environment has it, the master key. Made with mode 0700 if absent. */
  readonly stateDir: string
  /** The edge in this process: the name or address that agents reach it by. */
  readonly edge: { readonly host: string }
  readonly log: Log
  readonly clock?: Clock
  /** Metrics of the whole process are served from it. */
  readonly registry?: Registry
  /** Who may sign in; local users with passwords by default. */
  readonly authenticator?: (deps: { store: Store; clock: Clock }) => Authenticator
}

/** Everything the control plane consists of, opened. Whoever has it owns `store`. */
export interface Parts extends HandlerDeps {
  readonly tenantParts: Tenant
  /** The edge in this process. */
  readonly home: HomeEdge
  readonly vault: Vault
  readonly registry: Registry
  readonly firstToken: string | undefined
  readonly authenticator: Authenticator
  readonly revokedSerials: Set<string>
}

/** Opens what is kept, or makes it on the first run. @throws {Fault} MASTER_KEY, STORE_FAILED. */
export async function openParts({
  stateDir,
  edge,
  log,
  clock = systemClock,
  registry = new Registry(),
  authenticator,
}: ControlOptions): Promise<Parts> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 })
  const master = await loadMasterKey({
    file: path.join(stateDir, 'master.key'),
    env: process.env.BACKSTITCH_MASTER_KEY,
  })
  const store = await openStore({ file: path.join(stateDir, 'backstitch.db'), clock })
  try {
    const vault = new Vault(master.key)
    const tenantParts = await openTenant(store, vault, clock)
    const policy = cachedPolicy(store)
    const live = new LiveGrants()
    for (const grant of await store.revocations.live(clock.nowMs())) live.add(grant)
    const home = { ...edge, id: await embeddedEdge(store), port: 0 }
    const presence = new Presence()
    const edges = new Edges({ store, presence, home })
    await edges.refresh()
    const ticketKeys = await Keyring.open('ticket', tenantParts.secrets, clock)
    const revokedSerials = new Set(await store.revocations.serials(clock.nowMs()))
    return {
      ...{ store, log, clock, live, policy, tenantParts, home, presence, edges, ticketKeys, revokedSerials },
      departures: new Departures(),
      diagnoses: new Diagnoses(),
      traces: new Traces(),
      vitals: new VitalsOfConnectors(),
      probing: new Probing({ presence, policy, clock, log }),
      lanes: new LaneNews({ policy, presence, log }),
      news: new EdgeNews({ presence, edges, ticketKeys, revokedSerials }),
      ...{ vault, registry, firstToken: await createFirstToken(store) },
      tenant: tenantParts.id,
      authority: tenantParts.authority,
      grantKeys: await Keyring.open('grant', tenantParts.secrets, clock),
      authenticator: authenticator?.({ store, clock }) ?? new LocalAuthenticator({ store, clock }),
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

async function embeddedEdge(store: Store): Promise<string> {
  return (await store.objects.find('edge', HOME_NAME))?.id ?? newId('edg')
}
