import type { FaultCode } from '../../base/faults.ts'

/** What ends an agent that is one machine: trying again would only disturb whoever is rightly there. */
export const ENDING_FAULTS: ReadonlySet<FaultCode> = new Set(['IDENTITY_CLONED'])
