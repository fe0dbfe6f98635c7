/** An examination as it travels: asked for by control, told judgement by judgement, then as a whole. */
import { z } from 'zod'
import { HOPS } from '../base/faults.ts'
import { faultCode, faultMessage, host, id, port } from './values.ts'

/** A line of a report; whoever sends it cuts what is longer. */
export const MAX_LINE_CHARS = 2000
/** Checks, findings, or lines of one field. */
export const MAX_LINES = 64

const line = z.string().max(MAX_LINE_CHARS)
const lines = z.array(line).max(MAX_LINES).readonly()
const portRange = z.tuple([port, port])

/** What one check says. */
export const judgement = z.strictObject({
  check: z.string().max(64),
  title: line,
  hop: z.enum(HOPS),
  verdict: z.enum(['pass', 'fail', 'skip', 'unknown']),
  /** What was seen; of a skip, the check that failed; of an unknown, why. */
  text: line,
})

/** One failure, with everything that a person on call needs. */
export const finding = z.strictObject({
  check: z.string().max(64),
  hop: z.enum(HOPS),
  code: faultCode,
  scenario: z.number().int().optional(),
  title: line,
  expected: line,
  seen: lines,
  cause: line,
  fix: lines,
  verify: z.strictObject({ run: line, expect: line }),
})

export const diagnosisReport = z.strictObject({
  run: id,
  role: z.enum(['connector', 'client', 'edge', 'server']),
  at: z.string().max(40),
  durationMs: z.number().int().min(0),
  outcome: z.enum(['healthy', 'fault', 'unknown']),
  /** The headline first; then what is broken beside it. */
  findings: z.array(finding).max(MAX_LINES).readonly(),
  checks: z.array(judgement).max(MAX_LINES).readonly(),
})

/** An application to look at the way to, too. */
export const diagnosisTarget = z.strictObject({
  host,
  port,
  protocol: z.literal('udp').optional(),
  /** Where its address is expected, CIDRs; empty: nothing is expected. */
  networks: z.array(z.string().max(49)).max(256).readonly(),
  /** Ports of its segment. */
  ports: z.array(portRange.readonly()).max(64).readonly().optional(),
})

/** To a connected agent: examine yourself. One at a time; answered by `diagnosis` with this id. */
export const diagnose = z.strictObject({ type: z.literal('diagnose'), id, app: diagnosisTarget.optional() })

/** Progress and end of one examination: each message has one of the fields, and the last `report` or `failed`. */
export const diagnosis = z.strictObject({
  type: z.literal('diagnosis'),
  id,
  step: judgement.optional(),
  /** The headline, as soon as nothing can come before it. */
  first: finding.optional(),
  report: diagnosisReport.optional(),
  failed: faultMessage.optional(),
})

export type DiagnosisStep = z.infer<typeof judgement>
export type DiagnosisFinding = z.infer<typeof finding>
export type DiagnosisReport = z.infer<typeof diagnosisReport>
export type DiagnosisTarget = z.infer<typeof diagnosisTarget>
export type DiagnosisMessage = z.infer<typeof diagnosis>
