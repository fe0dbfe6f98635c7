/**
 * A person's device as the API gives it: who it is, who is signed in on it, and the little of it that an admin may change.
 *
 * @module
 */
import { z } from 'zod'
import { deviceDisconnected } from './diagnosis.ts'
import { name, timestamp } from './fields.ts'
import { warnings } from './lint.ts'
import { base, hostFacts, names, posture } from './record-fields.ts'
import { signIn, stillOpen } from './sign-ins.ts'

const refusal = z.object({
  at: timestamp,
  address: z.string(),
  times: z.number().int().min(1),
  code: z.string(),
  detail: z.string(),
})

export const clientDevice = z
  .object({
    kind: z.literal('client-device'),
    ...base,
    user: z.string(),
    names,
    enabled: z.boolean(),
    state: z.enum(['connected', 'disconnected', 'disabled']),
    /** Why it is not there, in a few words; `disconnected` says more. */
    away: z.object({ code: z.string().optional(), because: z.string() }).optional(),
    /** Of the connection whose clock is furthest off: ahead of that of the server when it came; negative is behind. */
    clockSkewMs: z.number().int().optional(),
    host: hostFacts,
    /** What policy sees: reported facts, overruled by assigned ones. */
    posture,
    reportedPosture: posture,
    assignedPosture: posture,
    enrolledAt: timestamp,
    certificateEndsAt: timestamp,
    serial: z.string(),
    publicKeyHash: z.string(),
    generation: z.number().int().min(0),
    lastAddress: z.string().optional(),
    lastSeenAt: timestamp.optional(),
    /** The one that stands. Without one somebody has to sign in on it. */
    signIn: signIn.optional(),
    /** The latest, newest first; not in lists. */
    signIns: z.array(signIn).optional(),
    /** Its control connections; not in lists. From two places at once: it may have been copied. */
    connections: z
      .array(
        z.object({
          connectedAt: timestamp,
          /** Ahead of the clock of the server when it came; negative is behind. */
          clockSkewMs: z.number().int(),
          address: z.string(),
          host: z.string(),
          program: z.string(),
        }),
      )
      .optional(),
    /** While it is not connected: what the control plane last knew, and what explains it; not in lists. */
    disconnected: deviceDisconnected.optional(),
    /** Who came as this device last and was not let in, since the server started; not in lists. */
    refused: refusal.optional(),
    /** Sessions that are not on record since the server was started: only one end told of them, and of too many; not in lists. */
    sessionsShed: z.number().int().min(1).optional(),
  })
  .meta({ id: 'ClientDevice', description: "A person's device that has signed in" })

export const clientDeviceWritten = clientDevice
  .safeExtend({
    warnings,
    /** Where it was disabled: what its user, or whoever has it, can do all the same. */
    stillOpen: stillOpen.optional(),
  })
  .meta({ id: 'ClientDeviceWritten' })

export const clientDevicePatch = z
  .strictObject({
    name: name.optional(),
    enabled: z.boolean().optional(),
    /** Replaces all facts that were assigned. */
    assignedPosture: posture.optional(),
  })
  .meta({ id: 'ClientDevicePatch' })
