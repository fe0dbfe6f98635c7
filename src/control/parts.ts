import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Registry } from 'prom-client'
import { HOME_EDGE } from '../api/kinds.ts'
import { type Clock, systemClock } from '../base/clock.ts'
import { CountedLines } from '../base/counted-lines.ts'
import { newId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { loadMasterKey } from '../pki/master-key.ts'
import { hashKeySecret } from '../pki/provisioning-key.ts'
import type { KeyPurpose } from '../pki/signing-keys.ts'
import { Vault } from '../pki/vault.ts'
import { DATABASE, MASTER_KEY } from '../store/backup-file.ts'
import { localBus } from '../store/bus.ts'
import { openStore, type Store } from '../store/store.ts'
import { LiveGrants } from './access/live-grants.ts'
import type { HandlerDeps } from './agents/handlers.ts'
import { LaneUpdates } from './agents/lanes.ts'
import { RefusedKeys } from './agents/refused-keys.ts'
import { SIGN_IN_MS } from './agents/sign-in.ts'
import { type Authenticator, LocalAuthenticator } from './base/authenticator.ts'
import { Failures } from './base/failures.ts'
import { KeySets } from './base/key-sets.ts'
import { Keyring } from './base/keyring.ts'
import { cachedPolicy } from './base/policy-now.ts'
import { RETENTION, type Retention } from './base/retention.ts'
import { ControlShares } from './base/shares.ts'
import { openTenant, type Tenant } from './base/tenant.ts'
import { Departures } from './presence/departures.ts'
import { Diagnoses } from './presence/diagnoses.ts'
import { EdgeUpdates } from './presence/edge-updates.ts'
import { Edges, type HomeEdge } from './presence/edges.ts'
import { Presence } from './presence/presence.ts'
import { Probing } from './presence/probing.ts'
import { VitalsOfConnectors } from './presence/vitals.ts'
import { createFirstToken } from './rest/auth.ts'
import { keepTimes } from './trace/keep-denial.ts'
import { Refusals } from './trace/refusals.ts'
import { Traces } from './trace/traces.ts'

export interface ControlOptions {
  /** Holds the database and, unless the environment has it, the master key. Made with mode 0700 if absent. */
  readonly stateDir: string
  /** The edge beside it: the name or address that agents reach it by, and the port, 0 while any is taken. */
  readonly edge: { readonly host: string; readonly port: number }
  readonly log: Log
  readonly clock?: Clock
  /** Metrics of this process are served from it. */
  readonly registry?: Registry
  /** How long what was seen is kept; what is not given is as by default. */
  readonly retention?: Partial<Retention>
  /** How long a sign-in on a device lasts, in milliseconds. */
  readonly signInMs?: number
  /** Metrics of the edge beside it, as Prometheus text. */
  readonly edgeMetrics?: () => Promise<string>
  /** Who may sign in; local users with passwords by default. */
  readonly authenticator?: (deps: { store: Store; clock: Clock }) => Authenticator
}

/** Everything the control plane consists of, opened. Whoever has it owns `store`. */
export interface ControlParts extends HandlerDeps {
  readonly tenantParts: Tenant
  readonly home: HomeEdge
  /** What that edge enrols with. */
  readonly homeSecret: string
  readonly edgeMetrics: () => Promise<string>
  readonly vault: Vault
  readonly registry: Registry
  readonly firstToken: string | undefined
  readonly authenticator: Authenticator
  readonly signInMs: number
  /** Provisioning keys that there are not. */
  readonly keyFailures: Failures
  /** Provisioning keys that there are, or were, and that let nobody in. */
  readonly refusedKeys: RefusedKeys
  readonly revokedSerials: Set<string>
  readonly retention: Retention
  readonly auditArchive: string
}

/** Opens what is kept in a directory that is there, or makes it on the first run. @throws {Fault} MASTER_KEY, STORE_FAILED. */
export async function openParts({
  stateDir,
  edge,
  log,
  clock = systemClock,
  registry = new Registry(),
  edgeMetrics = async () => '',
  authenticator,
  retention = {},
  signInMs = SIGN_IN_MS,
}: ControlOptions): Promise<ControlParts> {
  const file = path.join(stateDir, DATABASE)
  const master = await loadMasterKey({
    file: path.join(stateDir, MASTER_KEY),
    env: process.env.BACKSTITCH_MASTER_KEY,
    sealed: (await hasContent(file)) ? file : undefined,
  })
  const bus = localBus((error) =>
    log.error({ event: 'bus.receiver-failed', err: error }, 'a part could not take in a change'),
  )
  const store = await openStore({ file, clock, bus })
  try {
    const vault = new Vault(master.key)
    const tenantParts = await openTenant(store, vault, clock)
    const policy = cachedPolicy(store, log)
    const live = new LiveGrants()
    for (const grant of await store.revocations.live(clock.nowMs())) live.add(grant)
    const refusals = new Refusals(async (refusal) => {
      const about = { denial: refusal.id, times: refusal.times }
      log.warn({ event: 'access.denied-again', ...about }, `refused ${refusal.times} times within a minute`)
      await keepTimes({ store }, refusal).catch((error: unknown) => {
        log.error({ event: 'access.count-lost', ...about, err: error }, 'how often could not be kept')
      })
    })
    const homeSecret = randomBytes(32).toString('base64url')
    const id = await homeEdge(store, edge)
    const home = { id, host: edge.host, port: 0, secretHash: hashKeySecret(homeSecret) }
    const presence = new Presence()
    const edges = new Edges({ store, presence, home })
    await edges.refresh()
    const { id: tenant, authority, secrets: sealed } = tenantParts
    const openSets = async (purpose: KeyPurpose) =>
      KeySets.open(await Keyring.open(purpose, sealed, clock), {
        tenant,
        authority,
        vault: sealed,
        clock,
        log,
      })
    const [grantSets, ticketSets] = [await openSets('grant'), await openSets('ticket')]
    const revokedSerials = new Set(await store.revocations.serials(clock.nowMs()))
    return {
      ...{ store, log, clock, live, policy, tenantParts, home, presence, edges, revokedSerials },
      ...{ grantSets, ticketSets, grantKeys: grantSets.ring, ticketKeys: ticketSets.ring },
      retention: { ...RETENTION, ...retention },
      auditArchive: retention.auditArchive ?? path.join(stateDir, 'audit'),
      ...{ homeSecret, edgeMetrics, signInMs },
      departures: new Departures(),
      deviceDepartures: new Departures(),
      refusedKeys: new RefusedKeys(),
      unreached: new CountedLines(),
      diagnoses: new Diagnoses(),
      refusals,
      shares: new ControlShares(),
      traces: new Traces(),
      vitals: new VitalsOfConnectors(clock),
      probing: new Probing({ presence, policy, clock, log }),
      lanes: new LaneUpdates({ policy, presence, log }),
      news: new EdgeUpdates({ presence, edges, revokedSerials }),
      ...{ vault, registry, firstToken: await createFirstToken(store) },
      ...{ tenant, authority },
      keyFailures: new Failures({ clock, free: 50, everyMs: 1000 }),
      authenticator: authenticator?.({ store, clock }) ?? new LocalAuthenticator({ store, clock }),
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/** A first start that was cut off leaves an empty file at most. */
async function hasContent(file: string): Promise<boolean> {
  return stat(file).then(
    ({ size }) => size > 0,
    () => false,
  )
}

const HTTPS_PORT = 443

/** The object that stands for the edge beside the control plane, made on the first run. */
async function homeEdge({ objects }: Store, { host, port }: ControlOptions['edge']): Promise<string> {
  const found = await objects.find('edge', HOME_EDGE)
  if (found !== undefined) return found.id
  const id = newId('edg')
  const description = 'beside the control plane'
  const spec = { description, enabled: true, host, port: port || HTTPS_PORT, region: '', addresses: [] }
  await objects.put({ kind: 'edge', id, name: HOME_EDGE, spec })
  return id
}
