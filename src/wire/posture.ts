import { z } from 'zod'
import { MAX_POSTURE_FACTS } from './limits.ts'

/** What a device says of itself, by name of the fact: of its configuration, and of its hello. */
export const reportedPosture = z
  .record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()]))
  .refine((facts) => Object.keys(facts).length <= MAX_POSTURE_FACTS, {
    error: `more than ${MAX_POSTURE_FACTS} facts`,
  })
