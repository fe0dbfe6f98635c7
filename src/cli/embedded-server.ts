import path from 'node:path'
import { Registry } from 'prom-client'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Control } from '../control/control.ts'
import { Edge } from '../edge/edge.ts'
import type { EdgeLimits } from '../edge/limits.ts'
import { keepPublicCertificate, type PublicCertificate } from '../edge/public-certificate.ts'

export interface EmbeddedServerOptions {
  readonly stateDir: string
  readonly listen: { readonly host: string; readonly port: number }
  /** A second port, for control connections of agents only. */
  readonly controlPort?: number
  /** Name or address that agents reach the edge by. */
  readonly publicHost: string
  /** An operator's own; else one is made and kept in the state directory. */
  readonly publicCertificate?: PublicCertificate
  readonly limits?: Partial<EdgeLimits>
  readonly log: Log
  readonly clock?: Clock
}

/** The edge certificate lives 21 days; this is how often a fresh one takes its place. */
const RENEW_EDGE_MS = 7 * 86_400_000

/** Control plane and one edge in one process, on embedded defaults. In hand, both serve. */
export class EmbeddedServer implements AsyncDisposable {
  readonly control: Control
  readonly edge: Edge
  readonly #owned: AsyncDisposableStack

  /** @throws {Fault} MASTER_KEY, STORE_FAILED, LISTEN_FAILED. */
  static async open(o: EmbeddedServerOptions): Promise<EmbeddedServer> {
    await using opening = new AsyncDisposableStack()
    const registry = new Registry()
    const control = opening.use(
      await Control.open({
        ...{ stateDir: o.stateDir, log: o.log.child({ part: 'control' }), clock: o.clock, registry },
        edge: { host: o.publicHost },
      }),
    )
    const names = [...new Set([o.publicHost, 'localhost', '127.0.0.1'])]
    const publicCertificate =
      o.publicCertificate ?? (await keepPublicCertificate(path.join(o.stateDir, 'public'), names, Date.now()))
    const edge = opening.use(
      await Edge.open({
        ...{
          listen: o.listen,
          controlPort: o.controlPort,
          edgeId: control.edgeId,
          publicCertificate,
          control,
          registry,
          limits: o.limits,
        },
        credentials: await control.edgeCredentials(names),
        log: o.log.child({ part: 'edge' }),
      }),
    )
    await control.edgeListens(edge.port, edge.controlPort)
    control.onIdentityEnded = (id) => edge.revoke((peer) => peer.identity.id === id)
    const renewing = setInterval(() => {
      control.edgeCredentials(names).then(
        (credentials) => edge.renew(credentials),
        (error: unknown) =>
          o.log.error({ event: 'edge.renew-failed', err: error }, 'the edge certificate was not renewed'),
      )
    }, RENEW_EDGE_MS).unref()
    opening.defer(() => clearInterval(renewing))
    return new EmbeddedServer(control, edge, opening.move())
  }

  private constructor(control: Control, edge: Edge, owned: AsyncDisposableStack) {
    this.control = control
    this.edge = edge
    this.#owned = owned
  }

  /** Stops new tunnels, waits for live ones until the deadline, then ends everything. */
  async drain(deadlineMs: number): Promise<void> {
    await this.edge.drain(deadlineMs)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync()
  }
}
