/** Whatever the schemas let in, and whatever others have written into evidence: what is sent of it is taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { faultToMessage, listedFault } from '../link/control/fault-message.ts'
import {
  type AgentMessage,
  agentMessage,
  batches,
  type ControlMessage,
  controlMessage,
  type DiagnosisReport,
  encodedBytes,
  knownEdge,
  MAX_CARRIED,
  MAX_EDGES,
  MAX_LIST_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_OUTAGES,
  MAX_PROBES,
  MAX_REVOKED,
  MAX_SAMPLES,
  MAX_SESSION_REPORTS,
  MAX_SESSIONS_BY,
  MAX_STATE_IDS,
} from '../wire/control.ts'
import { inParts } from '../wire/list-parts.ts'
import { fitReport } from './examination/diagnosis-fit.ts'
import { outagesMessages } from './examination/outage-message.ts'
import { LIMITS } from './sessions/session-reports.ts'

/** Six bytes of JSON each. */
const NASTY = '\u0001'
const nasty = (chars: number) => NASTY.repeat(chars)
const evidence = (chars: number) =>
  new Fault('APP_TIMEOUT', nasty(chars), { seen: { one: nasty(chars), more: Array(50).fill(nasty(chars)) } })

/** The heaviest value of a schema. */
function longest(schema: z.core.$ZodType): unknown {
  const { def } = schema as z.ZodType
  switch (def.type) {
    case 'string':
      return nasty((schema as z.ZodString).maxLength!)
    case 'number':
      return (schema as z.ZodNumber).maxValue! < Number.MAX_SAFE_INTEGER
        ? (schema as z.ZodNumber).maxValue
        : 2 ** 52
    case 'enum':
      return (schema as z.ZodEnum).options.reduce((a, b) => (`${a}`.length > `${b}`.length ? a : b))
    case 'literal':
      return (schema as z.ZodLiteral).value
    case 'optional':
      return longest((schema as z.ZodOptional).unwrap())
    case 'union':
      return (schema as z.ZodUnion).options
        .map(longest)
        .reduce((a, b) => (encodedBytes(a) > encodedBytes(b) ? a : b))
    case 'object':
      return Object.fromEntries(
        Object.entries((schema as z.ZodObject).shape).map(([key, of]) => [key, longest(of)]),
      )
    case 'array': {
      const checks = (def.checks ?? []).map((check) => check._zod.def as z.core.$ZodCheckMaxLengthDef)
      const length = checks.find(({ check }) => check === 'max_length')!.maximum
      return Array.from({ length }, () => longest((schema as z.ZodArray).element))
    }
    default:
      throw new TypeError(def.type)
  }
}

function itemOf(type: string, field: string): unknown {
  const message = [...agentMessage.options, ...controlMessage.options].find(
    ({ shape }) => shape.type.value === type && field in shape,
  )!
  const list = (message.shape as unknown as Record<string, z.ZodArray>)[field]!
  return longest(list.element)
}

function isTaken(schema: z.ZodType, message: AgentMessage | ControlMessage): void {
  assert.ok(encodedBytes(message) <= MAX_MESSAGE_BYTES, `${message.type}: ${encodedBytes(message)} bytes`)
  const read = schema.safeParse(message)
  assert.ok(read.success, `${message.type}: ${read.error?.issues[0]?.message}`)
}

const COUNT = 20_000
const longId = nasty(64)

test('lists of agents: session reports, carried grants, edges, outages', () => {
  const report = itemOf('session', 'reports')
  const reports = [...batches(Array(COUNT / 100).fill(report), LIMITS)]
  assert.equal(reports.flat().length, COUNT / 100)
  for (const one of reports) {
    assert.ok(one.length <= MAX_SESSION_REPORTS)
    isTaken(agentMessage, { type: 'session', id: longId, reports: one as never, shed: 2 ** 52 })
  }
  const carried = Array(COUNT / 10).fill(itemOf('carries', 'ended'))
  for (const ended of batches(carried, { maxBytes: MAX_LIST_BYTES, maxItems: MAX_CARRIED })) {
    isTaken(agentMessage, { type: 'carries', ended: ended as never })
  }
  const seen = Array.from({ length: MAX_EDGES }, () => ({ edge: longId, fault: listedFault(evidence(5000)) }))
  isTaken(agentMessage, { type: 'edges', seen })
  const verdict = {
    ...{ run: longId, at: 'now', durationMs: 1, outcome: 'fault' as const, headline: nasty(5000) },
    ...{ seen: Array(100).fill(nasty(5000)), fix: [], also: Array(100).fill(nasty(5000)) },
  }
  const outage = {
    id: longId,
    sinceMs: 1,
    endedMs: 2,
    attempts: 1,
    code: 'EGRESS_BLOCKED',
    hop: 'edge',
  } as const
  const over = Array.from({ length: 3 * MAX_OUTAGES }, () => ({
    ...{
      ...outage,
      detail: nasty(5000),
      verdict,
    },
  }))
  for (const message of outagesMessages(over)) isTaken(agentMessage, message)
})

test('what agents say once: reach, status, reports of the doctor', () => {
  const fault = listedFault(evidence(5000))
  isTaken(agentMessage, { type: 'reach', segment: longId, host: nasty(253), port: 1, ok: false, fault })
  const status = agentMessage.options.find(({ shape }) => shape.type.value === 'status')!
  const { figures, samples, sessionsBy, notes } = status.shape as Record<string, z.ZodType>
  const told = [figures, samples, sessionsBy, notes].map((schema) => longest(schema!))
  assert.deepEqual([(told[1] as []).length, (told[2] as []).length], [MAX_SAMPLES, MAX_SESSIONS_BY])
  isTaken(agentMessage, {
    ...{ type: 'status', state: 'degraded', sessions: 1, tunnels: 1, cpuPercent: 1, rssBytes: 1 },
    ...({ figures: told[0], samples: told[1], sessionsBy: told[2], notes: told[3] } as object),
    ...{ overload: faultToMessage(evidence(5000)), leak: faultToMessage(evidence(5000)) },
  })
  const line = nasty(3000)
  const finding = {
    ...{ check: 'c', hop: 'edge', code: 'INTERNAL', title: line, expected: line, cause: line },
    ...{ seen: Array(100).fill(line), fix: Array(100).fill(line), verify: { run: line, expect: line } },
  } as const
  const check = { check: 'c', title: line, hop: 'edge', verdict: 'fail', text: line } as const
  const report: DiagnosisReport = {
    ...{ run: longId, role: 'connector', at: 'now', durationMs: 1, outcome: 'fault' },
    ...{ findings: Array(100).fill(finding), checks: Array(100).fill(check) },
  }
  isTaken(agentMessage, { type: 'diagnosis', id: longId, report: fitReport(report) })
})

test('lists of control: applications to watch, revocations, state of edges, edges, faults', () => {
  const watched = Array(MAX_PROBES).fill(itemOf('probe', 'applications'))
  for (const { part, items } of inParts(watched, MAX_PROBES)) {
    isTaken(controlMessage, { type: 'probe', part, applications: items as never })
  }
  for (const grants of batches(Array(COUNT).fill(longId), {
    maxBytes: MAX_LIST_BYTES,
    maxItems: MAX_REVOKED,
  })) {
    isTaken(controlMessage, { type: 'revoke', grants, detail: nasty(256) })
  }
  for (const revoked of batches(Array(COUNT).fill(longId), {
    maxBytes: MAX_LIST_BYTES,
    maxItems: MAX_STATE_IDS,
  })) {
    isTaken(controlMessage, { type: 'edge-state', whole: true, revoked, ended: [] })
  }
  isTaken(controlMessage, { type: 'failed', id: longId, fault: faultToMessage(evidence(5000)) })
  isTaken(controlMessage, { type: 'goodbye', fault: faultToMessage(evidence(100_000)) })
})

test('as many edges as are told of, as the API takes them, leave room in a welcome for what stands beside them', () => {
  // Names and hosts have no escapes; a region may be of any characters.
  const edge = longest(knownEdge) as z.infer<typeof knownEdge>
  const written = {
    ...edge,
    ...{ id: 'x'.repeat(30), name: 'x'.repeat(128), host: 'x'.repeat(253) },
    addresses: Array(16).fill('x'.repeat(45)),
  }
  const covers = 48_000 + 16_000
  const lanes = 30_000
  const keys = 8 * 300
  const revoked = 10_000
  const bytes = encodedBytes(Array(MAX_EDGES).fill(written))
  assert.ok(bytes + covers + lanes + keys + revoked < MAX_MESSAGE_BYTES, `${bytes}`)
  isTaken(controlMessage, { type: 'edges', edges: Array(MAX_EDGES).fill(written) })
})
