import { type Enrolled, type EnrolOptions, enrol } from '../../agent/identity/enrol.ts'
import { untilEnrolled } from '../../agent/identity/until-enrolled.ts'
import { rfc3339 } from '../../base/clock.ts'
import { VERSION } from '../../base/version.ts'
import { fingerprintOf, type MachineFacts } from '../../probe/machine.ts'
import { type StageNumber, stageOf } from '../bring-up/bring-up.ts'
import type { Progress } from '../bring-up/progress.ts'
import { type ConnectorIdentity, connectorEnrolStore } from './identity.ts'
import type { SealedState } from './sealed-state.ts'

/** A fault that only a person can repair is tried again at this pace: the repair may be far from this machine. */
const HOPELESS_MS = 30_000
const ENROL_STAGE = 4

export interface EnrolConnectorOptions
  extends Omit<EnrolOptions<ConnectorIdentity>, 'role' | 'store' | 'fingerprint' | 'held' | 'say'> {
  readonly machine: MachineFacts
}

/** @throws {Fault} as `enrol`. */
export function enrolConnector(
  sealedState: SealedState,
  o: EnrolConnectorOptions,
): Promise<Enrolled<ConnectorIdentity>> {
  return enrol<ConnectorIdentity>({
    ...o,
    role: 'connector',
    store: connectorEnrolStore(sealedState),
    fingerprint: fingerprintOf(o.machine.factors),
    held: (identity, edge) => ({ ...identity, edge }),
    say: ({ id, tenant, notAfterMs }) =>
      o.log.info(
        {
          event: 'connector.enrolled',
          connector: id,
          tenant,
          certificateUntil: rfc3339(notAfterMs),
          sealed: sealedState.protection.sealed,
        },
        `Successfully enrolled. Connector ID ${id}, version ${VERSION}`,
      ),
  })
}

/** However often it takes. @throws the reason of `o.signal`; nothing else. */
export async function enrolConnectorUntilDone(
  sealedState: SealedState,
  o: EnrolConnectorOptions & { readonly progress: Progress; readonly proxyFile: string },
): Promise<Enrolled<ConnectorIdentity>> {
  const { progress, keyFile, proxyFile, signal, log } = o
  const onStep: EnrolConnectorOptions['onStep'] = (step) => progress.step(step, ENROL_STAGE)
  const enrolled = await untilEnrolled(() => enrolConnector(sealedState, { ...o, onStep }), {
    files: [keyFile, proxyFile],
    hopelessMs: HOPELESS_MS,
    signal,
    onFailed(fault, waitMs) {
      // Control is asked for the certificate and nothing else: what it answers belongs to that stage.
      progress.fail(Math.min(stageOf(fault.code), ENROL_STAGE) as StageNumber, fault)
      log.debug(
        { event: 'enrolment.retry', waitMs },
        `Enrolment will be retried in ${Math.round(waitMs / 1000)} s`,
      )
    },
  })
  progress.pass(ENROL_STAGE, { connector: enrolled.identity.id, skewMs: enrolled.skewMs })
  return enrolled
}
