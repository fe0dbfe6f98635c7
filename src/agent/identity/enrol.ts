/**
 * From a provisioning key to an identity.
 *
 *     read key file → make key pair → STORE it → ask → check the reply → STORE the identity → drop key file → drop pair
 *
 * The pair is on disk before anyone hears of it, so a crash at any point repeats the same public key, and the
 * control plane answers that with the same agent at no further use of the provisioning key.
 *
 * @module
 */
import os from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { failpoint } from '../../base/failpoint.ts'
import type { Log } from '../../base/log.ts'
import { PROGRAM } from '../../base/version.ts'
import { postEnrol } from '../../link/control/requests.ts'
import { requireOwnCertificate } from '../../link/dial/accept-certificate.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import type { DialStep } from '../../link/dial/dial.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import type { EnrolledIdentity, KeyPair } from './agent-certificate.ts'
import { readKeyFile, removeKeyFile } from './key-file.ts'

/** Where a role keeps what enrolment makes. */
export interface EnrolStore<Held> {
  pending(): Promise<KeyPair | undefined>
  keepPending(pair: KeyPair): Promise<void>
  dropPending(): Promise<void>
  save(identity: Held): Promise<void>
}

export interface EnrolOptions<Held> {
  readonly role: 'connector' | 'edge'
  readonly keyFile: string
  readonly store: EnrolStore<Held>
  /** Connector group that this machine is meant for; none: that of whatever key it has. */
  readonly group?: string
  readonly fingerprint: Readonly<Record<string, string>>
  /** The identity whose certificate has expired: asked for again with its own key, it stays the same agent. */
  readonly expired?: KeyPair
  /** Instead of the edge that the key names. */
  readonly edge?: EdgeAddress
  readonly egress: () => Promise<Egress>
  /** Of this machine: control is told how far it is off. */
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  readonly onStep?: (step: DialStep) => void
  /** As this role keeps it. */
  readonly held: (identity: EnrolledIdentity, edge: { host: string; port: number }) => Held
  /** It is stored: says so, for people. */
  readonly say: (identity: Held) => void
}

export interface Enrolled<Held> {
  readonly identity: Held
  /** How slow the clock of this machine is against the control plane. */
  readonly skewMs: number
}

/** @throws {Fault} KEY_* of the file or the control plane, or what the way to the edge threw. */
export async function enrol<Held>(o: EnrolOptions<Held>): Promise<Enrolled<Held>> {
  const { role, keyFile, store, group, fingerprint, clock, log, signal, onStep } = o
  const key = await readKeyFile(keyFile, log)
  const edge = o.edge ?? { host: key.edgeHost, port: key.edgePort }
  const { keyPem, csrPem } = o.expired ?? (await pendingPair(store))
  const egress = await o.egress()
  failpoint('enrol.before-request')
  const reply = await postEnrol(
    edge,
    key.pin,
    {
      version: PROTOCOL_VERSION,
      // What is not named enrols as a connector.
      role: role === 'connector' ? undefined : role,
      secret: key.secret,
      group,
      csr: csrPem,
      host: {
        name: os.hostname().slice(0, 253),
        platform: `${os.type()} ${os.release()} ${os.arch()}`.slice(0, 128),
        program: PROGRAM,
      },
      fingerprint,
      timeMs: clock.nowMs(),
    },
    { egress, signal, onStep },
  )
  failpoint('enrol.replied')
  requireOwnCertificate(reply, { role, keyPem, pin: key.pin })
  const { id, tenant, certificate, root: rootPem, notAfterMs, generation, skewMs } = reply
  const receivedMs = clock.nowMs() + skewMs
  const identity = o.held(
    { id, tenant, keyPem, csrPem, certificate, rootPem, notAfterMs, receivedMs, generation },
    { host: edge.host, port: edge.port },
  )
  await store.save(identity)
  failpoint('enrol.identity-stored')
  o.say(identity)
  await finish(o)
  return { identity, skewMs }
}

/**
 * Tidies up after an enrolment that stored its identity and then crashed. A key that came later is left alone, and so is an
 * enrolment under way that is to replace this identity.
 */
export async function finishEnrolment<Held>({ csrPem }: KeyPair, o: Finish<Held>): Promise<void> {
  if ((await o.store.pending())?.csrPem === csrPem) await finish(o)
}

type Finish<Held> = Pick<EnrolOptions<Held>, 'keyFile' | 'store' | 'log'>

async function finish<Held>({ keyFile, store, log }: Finish<Held>): Promise<void> {
  await removeKeyFile(keyFile, log)
  failpoint('enrol.key-removed')
  await store.dropPending()
  failpoint('enrol.pair-removed')
}

async function pendingPair(store: EnrolStore<never>): Promise<KeyPair> {
  const stored = await store.pending()
  if (stored !== undefined) return stored
  const pair = await createKeyAndCsr(os.hostname().slice(0, 64))
  failpoint('enrol.pair-made')
  await store.keepPending(pair)
  failpoint('enrol.pair-stored')
  return pair
}
