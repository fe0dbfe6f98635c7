/**
 * Who is signed in where, until when, and what is left to do when somebody is not to be any more.
 *
 * @module
 */
import { z } from 'zod'
import { timestamp } from './fields.ts'

export const signIn = z
  .object({
    id: z.string(),
    at: timestamp,
    /** Address that it came from. */
    from: z.string().optional(),
    /** When it ends by itself; no renewal moves it. */
    endsAt: timestamp,
    /** Of one that was ended before: when, why, and through whom. */
    ended: z.object({ at: timestamp, because: z.string(), by: z.string() }).optional(),
  })
  .meta({ id: 'SignIn', description: "Proof of a person's identity on one device" })

const device = z.object({ id: z.string(), name: z.string() })

/** Devices that were signed in until this was done. */
export const signedOutDevices = z.array(device)
export type SignedOutDevices = z.infer<typeof signedOutDevices>

/** What is still open, and the command that closes it. */
export const stillOpen = z.array(z.object({ what: z.string(), run: z.string() }))
export type StillOpen = z.infer<typeof stillOpen>

export const signedOut = z
  .object({ signedOut: signedOutDevices, stillOpen })
  .meta({ id: 'SignedOut', description: 'Devices that were signed out, and what is still open' })

export const clientDeviceDeleted = z
  .object({ deleted: device, stillOpen })
  .meta({ id: 'ClientDeviceDeleted', description: 'The deleted device, and what is still open' })
