/**
 * What lint says: of the whole configuration (`GET /lint`), and of what was just written (`warnings` in the answer of
 * a write and of `apply`).
 *
 * @module
 */
import { z } from 'zod'
import { FAULTS, type FaultCode, HOPS } from '../base/faults.ts'
import { KIND_NAMES, type Kind } from './kinds.ts'

const about = z.object({
  kind: z.enum(KIND_NAMES as [Kind, ...Kind[]]),
  id: z.string(),
  name: z.string(),
})

export const lintFinding = z
  .object({
    /** The code that a user would meet, or one that begins with LINT_ where none would. */
    code: z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]),
    hop: z.enum(HOPS),
    object: about,
    /** Other objects that have a part in it; at most 20. */
    others: z.array(about).max(20),
    /** What is so, with its evidence. */
    reason: z.string(),
    /** What a user or operator will meet because of it. */
    consequence: z.string(),
    /** What to do. */
    fix: z.string(),
  })
  .meta({
    id: 'LintFinding',
    description: 'One thing in the configuration that will not work as it appears to',
  })
export type LintFinding = z.infer<typeof lintFinding>
export type LintObject = z.infer<typeof about>

/** As they stand in the answer of a write: those about the objects that were written. */
export const warnings = z.array(lintFinding)

export const lintReply = z
  .object({
    findings: z.array(lintFinding),
    /** How many objects and records were looked at. */
    examined: z.number().int().min(0),
    /** Policy version it is of. */
    policyVersion: z.number().int(),
  })
  .meta({ id: 'LintReply' })
export type LintReply = z.infer<typeof lintReply>
