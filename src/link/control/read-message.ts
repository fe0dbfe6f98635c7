/**
 * One message as it came: taken, taken without some items of its list, or passed over. Only what shows that the peers
 * do not speak the same protocol ends a connection; one name that one of them finds too long does not.
 *
 * @module
 */
import type { z } from 'zod'
import { Fault } from '../../base/faults.ts'
import {
  type AgentMessage,
  agentMessage,
  type ControlMessage,
  controlMessage,
  LISTS,
  type MessageType,
} from '../../wire/control.ts'
import { faultToMessage } from './fault-message.ts'

/** What one end may be sent, and what it says to a request that it cannot read. */
export interface MessageReading<In, Out> {
  readonly schema: z.ZodType<In>
  readonly types: ReadonlySet<string>
  readonly refusal?: (id: string, fault: Fault) => Out
}

export const OF_AGENT: MessageReading<ControlMessage, AgentMessage> = {
  schema: controlMessage,
  types: new Set(controlMessage.options.map(({ shape }) => shape.type.value)),
}
export const OF_CONTROL: MessageReading<AgentMessage, ControlMessage> = {
  schema: agentMessage,
  types: new Set(agentMessage.options.map(({ shape }) => shape.type.value)),
  refusal: (id, fault) => ({ type: 'failed', id, fault: faultToMessage(fault) }),
}

/** Whoever misses one of these goes on with what is no longer true: the next welcome puts it right. */
const NEVER_MISSED: ReadonlySet<string> = new Set<MessageType>([
  ...(['hello', 'welcome', 'goodbye', 'revoke', 'lanes', 'edge-state', 'keys'] as const),
])
/** Of items that are left out so many are named. */
const MAX_NAMED = 5

export interface ReadMessage<In> {
  readonly type: string
  /** It asks for an answer, or is one. */
  readonly id?: string
  /** Nothing where all of it was refused. */
  readonly message?: In
  /** What the schema has against it, or against items of its list. */
  readonly refused: readonly string[]
  /** Items that were left out. */
  readonly left: number
}

/** @throws {Fault} PROTOCOL_ERROR: not JSON, of no type that may come here, or one that must not be missed. */
export function readMessage<In>(
  { schema, types }: Pick<MessageReading<In, unknown>, 'schema' | 'types'>,
  data: Buffer,
  binary: boolean,
): ReadMessage<In> {
  if (binary) throw broken('a binary message')
  let value: Record<string, unknown>
  try {
    value = JSON.parse(data.toString('utf8'))
  } catch {
    throw broken('a message that is not JSON')
  }
  const type = String(value?.type)
  if (!types.has(type))
    throw broken('a message of a type that is not allowed here', { type: type.slice(0, 64) })
  const id = typeof value.id === 'string' ? value.id : undefined
  const whole = schema.safeParse(value)
  if (whole.success) return { type, id, message: whole.data, refused: [], left: 0 }
  const bad = badItems(type as MessageType, whole.error.issues)
  const issues = whole.error.issues.slice(0, MAX_NAMED).map(said)
  let left = 0
  for (const [field, places] of bad) {
    value[field] = (value[field] as unknown[]).filter((_, at) => !places.has(at))
    left += places.size
  }
  const rest = bad.size === 0 ? whole : schema.safeParse(value)
  if (rest.success) return { type, id, message: rest.data, refused: issues, left }
  if (NEVER_MISSED.has(type))
    throw broken(`a ${type} that does not match its schema`, { because: issues.join('; ') })
  return { type, id, refused: rest.error.issues.slice(0, MAX_NAMED).map(said), left: 0 }
}

/** By list: the places of the items that something is wrong with. */
function badItems(type: MessageType, issues: readonly z.core.$ZodIssue[]): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>()
  for (const { path } of issues) {
    const [field, at] = path
    if (typeof field !== 'string' || typeof at !== 'number' || LISTS[type]?.includes(field) !== true) continue
    found.set(field, (found.get(field) ?? new Set()).add(at))
  }
  return found
}

function said({ path, message }: z.core.$ZodIssue): string {
  return `${path.join('.')}: ${message.slice(0, 200)}`
}

export function broken(what: string, seen: Record<string, string> = {}): Fault {
  return new Fault('PROTOCOL_ERROR', `the control connection carried ${what}`, { hop: 'control', seen })
}
