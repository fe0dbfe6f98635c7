import path from 'node:path'
import { Registry } from 'prom-client'
import { type Clock, systemClock } from '../base/clock.ts'
import { CountedLines } from '../base/counted-lines.ts'
import type { Log } from '../base/log.ts'
import type { Store } from '../store/store.ts'
import { LiveGrants } from './access/live-grants.ts'
import { LaneUpdates } from './agents/lanes.ts'
import { RefusedKeys } from './agents/refused-keys.ts'
import { SIGN_IN_MS } from './agents/sign-in.ts'
import { type Authenticator, LocalAuthenticator } from './base/authenticator.ts'
import { Failures } from './base/failures.ts'
import { type Kept, openKept } from './base/kept.ts'
import { RETENTION, type Retention } from './base/retention.ts'
import { ControlShares } from './base/shares.ts'
import { Departures } from './presence/departures.ts'
import { Diagnoses } from './presence/diagnoses.ts'
import { EdgeUpdates } from './presence/edge-updates.ts'
import { Edges, type HomeEdge } from './presence/edges.ts'
import { openHomeEdge } from './presence/home-edge.ts'
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

/** Everything the control plane consists of, opened: each part takes of it what it names. Whoever has it owns `store`. */
export type ControlParts = Awaited<ReturnType<typeof openParts>>

/** Opens what is kept in a directory that is there, or makes it on the first run. @throws {Fault} MASTER_KEY, STORE_FAILED. */
export async function openParts(options: ControlOptions) {
  const { stateDir, log, clock = systemClock, retention = {}, authenticator } = options
  const kept = await openKept({ stateDir, clock, log })
  const { store } = kept
  try {
    const { home, homeSecret } = await openHomeEdge(store, options.edge)
    return {
      ...kept,
      ...{ log, clock, home, homeSecret },
      ...(await seenParts(kept, { home, clock, log })),
      ...{ live: await liveGrants(store, clock), refusals: refusalsOf(store, log) },
      shares: new ControlShares(),
      keyFailures: new Failures({ clock, free: 50, everyMs: 1000 }),
      authenticator: authenticator?.({ store, clock }) ?? new LocalAuthenticator({ store, clock }),
      signInMs: options.signInMs ?? SIGN_IN_MS,
      retention: { ...RETENTION, ...retention },
      auditArchive: retention.auditArchive ?? path.join(stateDir, 'audit'),
      registry: options.registry ?? new Registry(),
      edgeMetrics: options.edgeMetrics ?? (async () => ''),
      firstToken: await createFirstToken(store),
    }
  } catch (error) {
    await store[Symbol.asyncDispose]()
    throw error
  }
}

/** What is known of agents as long as this process runs. */
async function seenParts(
  { store, policy, revokedSerials }: Kept,
  { home, clock, log }: { home: HomeEdge; clock: Clock; log: Log },
) {
  const presence = new Presence()
  const edges = new Edges({ store, presence, home })
  await edges.refresh()
  return {
    ...{ presence, edges },
    departures: new Departures(),
    deviceDepartures: new Departures(),
    /** Provisioning keys that there are, or were, and that let nobody in. */
    refusedKeys: new RefusedKeys(),
    unreached: new CountedLines(),
    diagnoses: new Diagnoses(),
    traces: new Traces(),
    vitals: new VitalsOfConnectors(clock),
    probing: new Probing({ presence, policy, clock, log }),
    lanes: new LaneUpdates({ policy, presence, log }),
    news: new EdgeUpdates({ presence, edges, revokedSerials }),
  }
}

async function liveGrants({ revocations }: Store, clock: Clock): Promise<LiveGrants> {
  const live = new LiveGrants()
  for (const grant of await revocations.live(clock.nowMs())) live.add(grant)
  return live
}

function refusalsOf(store: Store, log: Log): Refusals {
  return new Refusals(async (refusal) => {
    const about = { denial: refusal.id, times: refusal.times }
    log.warn({ event: 'access.denied-again', ...about }, `refused ${refusal.times} times within a minute`)
    await keepTimes({ store }, refusal).catch((error: unknown) => {
      log.error(
        { event: 'access.count-lost', ...about, err: error },
        'the number of times could not be stored',
      )
    })
  })
}
