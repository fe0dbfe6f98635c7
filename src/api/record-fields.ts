/** What records of the API have in common: of what machines and people brought about. */
import { z } from 'zod'
import { factValue, timestamp } from './fields.ts'

export const base = {
  id: z.string(),
  name: z.string(),
  version: z.number().int().min(1),
  createdAt: timestamp,
  updatedAt: timestamp,
}

/** What the ids in this resource are called. */
export const names = z.record(z.string(), z.string())

export const hostFacts = z.object({ name: z.string(), platform: z.string(), program: z.string() })

export const posture = z.record(z.string().min(1).max(64), factValue)
