/** What a connector or edge serves in spite of, by its own account; what it knows of an application comes with `reach`. */
import { z } from 'zod'
import { type FaultCode, HOPS } from '../base/faults.ts'

/** Of itself and its machine; overload and leak are told apart, as selection and lint go by them. */
export const NOTE_CODES = [
  'STOOD_STILL',
  'FLAPPING',
  'WORKER_ENDED',
  'RAW_PHASE_BLOCKED',
  'EDGE_FAR',
  'CONTROL_PORT_BLOCKED',
  'SEAL_DRIFTED',
  'LOOKUPS_BUSY',
  'APP_NAME_WRONG_VIEW',
  'DISK_FULL',
  'STATE_UNWRITABLE',
  'FD_EXHAUSTED',
] as const satisfies readonly FaultCode[]
export const MAX_OWN_NOTES = 8
/** And as many bytes of JSON. */
export const MAX_NOTE_CHARS = 512

export const note = z.strictObject({
  code: z.enum(NOTE_CODES),
  hop: z.enum(HOPS),
  detail: z.string().max(MAX_NOTE_CHARS),
})
export type Note = z.infer<typeof note>
