/**
 * From a provisioning key to an identity.
 *
 *     read key file → make key pair → STORE it → ask → check the reply → STORE the identity → drop key file → drop pair
 *
 * The pair is on disk before anyone hears of it, so a crash at any point repeats the same public key, and the
 * control plane answers that with the same connector at no further use of the provisioning key.
 *
 * @module
 */
import os from 'node:os'
import { z } from 'zod'
import { readKeyFile, removeKeyFile } from '../../agent/identity/key-file.ts'
import { type Clock, rfc3339 } from '../../base/clock.ts'
import { failpoint } from '../../base/failpoint.ts'
import type { Log } from '../../base/log.ts'
import { PROGRAM, VERSION } from '../../base/version.ts'
import { postEnrol } from '../../link/control/requests.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import type { DialStep } from '../../link/dial/dial.ts'
import type { Egress } from '../../link/dial/egress.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { fingerprintOf, type MachineFacts } from '../../probe/machine.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import { acceptCertificate, type ConnectorIdentity, saveIdentity } from './identity.ts'
import type { SealedState } from './sealed-state.ts'

const PENDING_FILE = 'enrolment.json'
const pendingKey = z.strictObject({ keyPem: z.string(), csrPem: z.string() })

export interface EnrolOptions {
  readonly keyFile: string
  /** Connector group that this machine is meant for; none: that of whatever key it has. */
  readonly group?: string
  /** The identity whose certificate has ended: asked for again with its own key, it stays the same connector. */
  readonly ended?: ConnectorIdentity
  /** Instead of the edge that the key names. */
  readonly edge?: EdgeAddress
  readonly egress: () => Promise<Egress>
  readonly machine: MachineFacts
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
  readonly onStep?: (step: DialStep) => void
}

export interface Enrolled {
  readonly identity: ConnectorIdentity
  /** How slow the clock of this machine is against the control plane. */
  readonly skewMs: number
}

/** @throws {Fault} KEY_* of the file or the control plane, or what the way to the edge threw. */
export async function enrol(sealedState: SealedState, o: EnrolOptions): Promise<Enrolled> {
  const key = await readKeyFile(o.keyFile, o.log)
  const edge = o.edge ?? { host: key.edgeHost, port: key.edgePort }
  const pair = o.ended ?? (await pendingPair(sealedState))
  const egress = await o.egress()
  failpoint('enrol.before-request')
  const reply = await postEnrol(
    edge,
    key.pin,
    {
      version: PROTOCOL_VERSION,
      secret: key.secret,
      group: o.group,
      csr: pair.csrPem,
      host: {
        name: os.hostname().slice(0, 253),
        platform: `${os.type()} ${os.release()} ${os.arch()}`.slice(0, 128),
        program: PROGRAM,
      },
      fingerprint: fingerprintOf(o.machine.factors),
      timeMs: o.clock.nowMs(),
    },
    { egress, signal: o.signal, onStep: o.onStep },
  )
  failpoint('enrol.replied')
  const identity = acceptCertificate(reply, {
    keyPem: pair.keyPem,
    csrPem: pair.csrPem,
    edge,
    nowMs: o.clock.nowMs() + reply.skewMs,
    pin: key.pin,
  })
  await saveIdentity(sealedState, identity)
  failpoint('enrol.identity-stored')
  o.log.info(
    {
      event: 'connector.enrolled',
      connector: identity.id,
      tenant: identity.tenant,
      certificateUntil: rfc3339(identity.notAfterMs),
      sealed: sealedState.protection.sealed,
    },
    `Successfully enrolled. Connector ID ${identity.id}, version ${VERSION}`,
  )
  await finish(sealedState, o)
  return { identity, skewMs: reply.skewMs }
}

/** Tidies up after an enrolment that stored its identity and then crashed. A key that came later is left alone. */
export async function finishEnrolment(
  sealedState: SealedState,
  o: Pick<EnrolOptions, 'keyFile' | 'log'>,
): Promise<void> {
  if (await sealedState.has(PENDING_FILE)) await finish(sealedState, o)
}

async function finish(sealedState: SealedState, o: Pick<EnrolOptions, 'keyFile' | 'log'>): Promise<void> {
  await removeKeyFile(o.keyFile, o.log)
  failpoint('enrol.key-removed')
  await sealedState.remove(PENDING_FILE)
  failpoint('enrol.pair-removed')
}

async function pendingPair(sealedState: SealedState): Promise<z.infer<typeof pendingKey>> {
  const stored = await sealedState.load(PENDING_FILE)
  if (stored !== undefined) return pendingKey.parse(JSON.parse(stored))
  const pair = await createKeyAndCsr(os.hostname().slice(0, 64))
  failpoint('enrol.pair-made')
  await sealedState.save(PENDING_FILE, 'an enrolment that has not ended', JSON.stringify(pair))
  failpoint('enrol.pair-stored')
  return pair
}
