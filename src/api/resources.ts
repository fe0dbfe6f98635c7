/**
 * Declared objects as the API takes and gives them: what a person wrote, in an envelope of id, version and
 * times. References may be given as names or ids and come back as ids; `names` says what each id is called.
 *
 * @module
 */
import { z } from 'zod'
import { faultMessage } from '../wire/values.ts'
import { moment, name, timestamp } from './fields.ts'
import { OBJECT_KINDS, type ObjectKind } from './kinds.ts'
import { warnings } from './lint.ts'
import { signedOutDevices } from './sign-ins.ts'

/** A password as it is set; never returned, logged or audited. */
export const newPassword = z.string().min(8).max(1024)

/** What the envelope adds. */
const envelope = {
  id: z.string(),
  name,
  version: z.number().int().min(1),
  createdAt: timestamp,
  updatedAt: timestamp,
  /** What the ids in this resource are called. */
  names: z.record(z.string(), z.string()),
}

const { name: _, ...envelopeOnly } = envelope
/** What was read and comes back, as long as it was; clients write a time in their own way. */
const readAgain = {
  id: z.string().max(128),
  names: z.record(z.string().max(128), z.string().max(256)),
  createdAt: moment,
  updatedAt: moment,
}

/** `degraded`: it takes tunnels, and says what it does so in spite of. `away`: it is not connected to the control plane, or was never enrolled. */
export const EDGE_STATES = ['serving', 'degraded', 'draining', 'away', 'disabled'] as const
/** `unknown`: nobody has tried lately, which is no fault. */
export const SEGMENT_STATES = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const
export type EdgeState = (typeof EDGE_STATES)[number]

/** `ConnectorGroup` of `connector-group`: how schemas are called in the OpenAPI document. */
export function schemaName(kind: string): string {
  return kind.replaceAll(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** What the API adds to what was written. */
const SHOWN: Partial<Record<ObjectKind, z.core.$ZodLooseShape>> = {
  user: { hasPassword: z.boolean() },
  /** When it is read: are its applications reached, by what connectors have lately told? */
  segment: { state: z.enum(SEGMENT_STATES).optional(), because: z.string().optional() },
  /** When it is read: does the edge take tunnels now? */
  edge: { state: z.enum(EDGE_STATES).optional(), notes: z.array(faultMessage).optional() },
}

/** Of that, what has no length of its own, as it comes back. */
const SHOWN_AGAIN: Partial<Record<ObjectKind, z.core.$ZodLooseShape>> = {
  segment: { because: z.string().max(16_384) },
  edge: { notes: z.array(z.looseObject({})).max(64) },
}

/** What only the answer to a write has. */
const ANSWERED: Partial<Record<ObjectKind, z.core.$ZodLooseShape>> = {
  /** Another password, or none, or a user who is disabled: these devices have to sign in again. */
  user: { signedOut: signedOutDevices.optional() },
}

function build(kind: ObjectKind) {
  const { spec, title } = OBJECT_KINDS[kind]
  const own: z.core.$ZodLooseShape = kind === 'user' ? { name, password: newPassword.optional() } : { name }
  const shown = SHOWN[kind] ?? {}
  const again = { ...envelopeOnly, ...readAgain, ...shown, ...SHOWN_AGAIN[kind] }
  const resource = z
    .object({ kind: z.literal(kind), ...envelope, ...mapShape(spec.shape, present), ...shown })
    .meta({ id: schemaName(kind), description: `A ${title}` })
  return {
    input: spec
      .safeExtend(own)
      .meta({ id: `${schemaName(kind)}Input`, description: `A ${title}, as written` }),
    replacement: spec
      .safeExtend({
        ...own,
        ...mapShape({ kind: z.literal(kind), ...again }, ignored),
      })
      .meta({
        id: `${schemaName(kind)}Replacement`,
        description: `A ${title}, as written or as it was read`,
      }),
    patch: z.strictObject(mapShape({ ...spec.shape, ...own }, changeable)).meta({
      id: `${schemaName(kind)}Patch`,
      description: `Fields of a ${title} to change; null removes one`,
    }),
    resource,
    written: resource.safeExtend({ warnings, ...(ANSWERED[kind] ?? {}) }).meta({
      id: `${schemaName(kind)}Written`,
      description: `A ${title} as it is now, and lint findings about it`,
    }),
  }
}

type Schemas = ReturnType<typeof build>

/** Built once: two schemas of one name would be two components. */
const BUILT = new Map<ObjectKind, Schemas>()

/**
 * Schemas of one kind: `input` to create, `replacement` to replace, `patch` to change, `resource` as it is returned, `written` as it
 * is returned by a write.
 */
export function schemasOf(kind: ObjectKind): Schemas {
  let schemas = BUILT.get(kind)
  if (schemas === undefined) {
    schemas = build(kind)
    BUILT.set(kind, schemas)
  }
  return schemas
}

function mapShape(
  shape: z.core.$ZodLooseShape,
  change: (field: z.ZodType) => z.ZodType,
): z.core.$ZodLooseShape {
  return Object.fromEntries(Object.entries(shape).map(([key, field]) => [key, change(field as z.ZodType)]))
}

/** Taken, so that what was read can be sent back, and not looked at. */
function ignored(field: z.ZodType): z.ZodType {
  return field.optional().meta({ readOnly: true })
}

/** A field with a default is always there in what is returned. */
function present(field: z.ZodType): z.ZodType {
  return field instanceof z.ZodDefault ? present(field.unwrap() as z.ZodType) : field
}

/**
 * In a patch nothing has a default and nothing is required, at any depth: what is absent stays as it is, and null
 * removes. What that makes of the whole is looked at as the whole.
 */
function changeable(field: z.ZodType): z.ZodType {
  const bare = present(field)
  const inner = bare instanceof z.ZodOptional ? (bare.unwrap() as z.ZodType) : bare
  const deep = inner instanceof z.ZodObject ? z.strictObject(mapShape(inner.shape, changeable)) : inner
  return deep.nullable().optional()
}

/** RFC 7396: fields given replace, null removes, objects merge. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key]
    else merged[key] = mergePatch(merged[key], value)
  }
  return merged
}

/** The part of a resource that is its author's: what PUT takes, from what GET gave. */
export function writable(kind: ObjectKind, resource: Record<string, unknown>): Record<string, unknown> {
  const keys = ['name', 'password', ...Object.keys(OBJECT_KINDS[kind].spec.shape)]
  return Object.fromEntries(Object.entries(resource).filter(([key]) => keys.includes(key)))
}
