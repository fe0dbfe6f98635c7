import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { Registry } from 'prom-client'
import { type Clock, systemClock } from '../../base/clock.ts'
import { asFault, type Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { Parting } from '../../base/parting.ts'
import { StateDir } from '../../base/state-dir.ts'
import { readStatus } from '../../base/status-socket.ts'
import { everyPeriod } from '../../base/wall-clock.ts'
import { watchLoop } from '../../control/base/loop-metrics.ts'
import { Control } from '../../control/control.ts'
import { AdminSocket } from '../../control/front/admin-socket.ts'
import { Front } from '../../control/front/front.ts'
import { keepPublicCertificate, type PublicCertificate } from '../../control/front/public-certificate.ts'
import type { EdgeLimits } from '../../link/accept/edge-limits.ts'
import { filesOf } from './files.ts'
import type { ServerOptions } from './options.ts'
import { rereadOf } from './own-certificate.ts'

export interface ControlPartOptions extends Omit<ServerOptions, 'controlPort' | 'drainSeconds'> {
  readonly limits?: Partial<EdgeLimits>
  readonly log: Log
  readonly clock?: Clock
}

/** The certificate of the control plane lives 21 days; this is how often a fresh one takes its place. */
const RENEW_MS = 7 * 86_400_000
/** One made here lives 397 days, and a server may run for longer. */
const LOOK_PUBLIC_MS = 86_400_000
/** Files of an operator are read again this often: whoever renews them tells nobody. */
const LOOK_OWN_MS = 30_000
/** For the edge to tell its figures. */
const METRICS_MS = 2000

/** The control plane and the socket that it serves at. In hand, it serves whatever the edge beside it passes on. */
export class ControlPart implements AsyncDisposable {
  readonly control: Control
  readonly front: Front
  /** Called when another certificate is shown to people and tools, or they come by another address. */
  onShown: (() => void) | undefined
  readonly #owned: AsyncDisposableStack

  /** @throws {Fault} MASTER_KEY, STORE_FAILED, STATE_IN_USE, STATE_UNWRITABLE. */
  static async open(o: ControlPartOptions): Promise<ControlPart> {
    await using opening = new AsyncDisposableStack()
    const files = filesOf(o.stateDir)
    const registry = new Registry()
    const control = opening.use(
      await Control.open({
        ...{ stateDir: o.stateDir, log: o.log, clock: o.clock, registry },
        ...{ retention: o.retention, signInMs: o.signInMs },
        edge: { host: o.publicHost, port: o.publicPort ?? o.listen.port },
        edgeMetrics: () => edgeMetrics(files.edgeStatus),
      }),
    )
    const names = [...new Set([o.publicHost, control.edgeAddress.host, 'localhost', '127.0.0.1'])]
    const clock = o.clock ?? systemClock
    const kept = () => keepPublicCertificate(path.join(o.stateDir, 'public'), names, clock.nowMs())
    const front = opening.use(
      await Front.open({
        socket: files.controlSocket,
        credentials: await control.credentials(names),
        publicCertificate: o.publicCertificate ?? (await kept()),
        ...{ backend: control, log: o.log, limits: o.limits, registry },
      }),
    )
    opening.use(await AdminSocket.open({ file: files.adminSocket, backend: control, log: o.log }))
    control.onIdentityEnded = (id) => void front.cut((peer) => peer.identity.id === id)
    await mkdir(files.edge, { recursive: true, mode: 0o700 })
    const forEdge = StateDir.at(files.edge, 'control')
    await forEdge.write(path.basename(files.edgeKey), `${control.homeKey}\n`).catch(async (fault: Fault) => {
      if (fault.code !== 'DISK_FULL') throw fault
      // One of an earlier start enrols nobody, and an edge that is enrolled would try it.
      await rm(files.edgeKey, { force: true })
      o.log.warn(
        { event: 'edge.key-not-kept', code: fault.code },
        'an edge that is not enrolled cannot enrol now',
      )
    })
    const renew = () => {
      control.credentials(names).then(
        (credentials) => front.renew(credentials),
        (error: unknown) =>
          o.log.error(
            { event: 'control.renew-failed', err: error },
            'the certificate of the control plane was not renewed',
          ),
      )
    }
    opening.use(everyPeriod(RENEW_MS, renew, o.clock))
    opening.use(watchLoop(o.log, registry))
    const part = new ControlPart(control, front, opening.move())
    control.onHomeMoved = () => part.onShown?.()
    const own = o.publicCertificate
    if (own === undefined) part.#keepShown(kept, LOOK_PUBLIC_MS, o)
    else part.#keepShown(rereadOf(own, o.publicHost, clock), LOOK_OWN_MS, o)
    return part
  }

  #keepShown(
    kept: () => Promise<PublicCertificate & { created: boolean; doubts?: readonly string[] }>,
    everyMs: number,
    o: ControlPartOptions,
  ): void {
    const look = async () => {
      const certificate = await kept()
      failed = undefined
      if (!certificate.created) return
      this.front.show(certificate)
      this.onShown?.()
      const { fingerprint } = this.front.publicPin
      o.log.info({ event: 'public-certificate.shown', fingerprint }, 'The public certificate was replaced')
      for (const doubt of certificate.doubts ?? []) {
        o.log.warn({ event: 'public-certificate.doubtful' }, doubt)
      }
    }
    let failed: string | undefined
    const lookSafely = () => {
      look().catch((error: unknown) => {
        const { message } = asFault(error)
        if (message === failed) return // said; the one before is shown meanwhile
        failed = message
        o.log.error(
          { event: 'public-certificate.renew-failed', err: error },
          `the public certificate was not renewed: ${message}`,
        )
      })
    }
    this.#owned.use(everyPeriod(everyMs, lookSafely, o.clock))
  }

  private constructor(control: Control, front: Front, owned: AsyncDisposableStack) {
    this.control = control
    this.front = front
    this.#owned = owned
  }

  /** Why it ends, for agents; where it is known. */
  parting: Parting | undefined

  async [Symbol.asyncDispose](): Promise<void> {
    await this.control.goodbye(this.parting)
    await this.#owned.disposeAsync()
  }
}

/** An edge that does not answer has no figures: theirs are missing, and not those of the control plane with them. */
async function edgeMetrics(socket: string): Promise<string> {
  const status = (await readStatus(socket, METRICS_MS)) as { metrics?: string } | undefined
  return status?.metrics ?? ''
}
