/**
 * What one operation of the API is, and how OpenAPI is told of it: with every header and every status that it can
 * answer with, since clients are generated from that.
 *
 * @module
 */
import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from 'zod'
import { problem } from '../../api/problem.ts'
import type { Permission } from '../../api/roles.ts'
import type { RestEnv } from './write.ts'

export type RestApp = OpenAPIHono<RestEnv>

/** A body that asks for more than its operation gives with the least permission. */
export interface Beyond<Body> {
  /** What the least is enough for: "disabling it". */
  readonly only: string
  readonly needs: Permission
  readonly is: (body: Body) => boolean
}

/** One operation: name of the token, what it needs, takes and gives. */
export interface Operation<Q extends z.ZodObject, P extends z.ZodObject, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly tag: string
  /** The least it needs: whoever has not even that is told nothing of its form. */
  readonly needs: Permission
  /** Where one body takes away and another adds: what may be done with `needs`, and what all else takes. */
  readonly beyond?: Beyond<z.output<B>>
  readonly query?: Q
  readonly params?: P
  readonly body?: B
  /** Success: its status, and the schema of its body if it has one. */
  readonly gives: {
    readonly status: 200 | 201 | 204
    readonly schema?: z.ZodType
    readonly type?: string
    /** It names the version that it is of. */
    readonly etag?: boolean
  }
  readonly ifMatch?: boolean
  /** The body holds many documents, whose size is looked at one by one. */
  readonly manyDocuments?: boolean
}

const ifMatch = z.object({
  'if-match': z.string().meta({
    description: 'ETags of the versions this may change; `*` for any version. Without it: 428.',
  }),
})
const ifNoneMatch = z.object({
  'if-none-match': z.string().optional().meta({
    description: 'ETags of representations the caller already has: 304 if one still matches.',
  }),
})
const idempotent = z.object({
  'idempotency-key': z.string().optional().meta({
    description: 'A repeat with the same key within 24 hours gets the first answer again.',
  }),
})

/** An operation, as far as it is described. */
type Described = Omit<Operation<z.ZodObject, z.ZodObject, z.ZodType>, 'beyond'> & {
  readonly beyond?: Pick<Beyond<never>, 'only' | 'needs'>
}

export function describeOperation(app: RestApp, o: Described): void {
  const { status, schema, type = 'application/json' } = o.gives
  const description = status === 201 ? 'Created' : status === 204 ? 'Done' : 'OK'
  const content = schema === undefined ? undefined : { [type]: { schema } }
  const headers = answerHeaders(o)
  app.openAPIRegistry.registerPath({
    ...{ method: o.method, path: o.path, operationId: o.id, summary: o.summary, tags: [o.tag] },
    description: needsText(o),
    security: [{ token: [] }],
    request: {
      query: o.query,
      params: o.params,
      headers: requestHeaders(o),
      body: o.body && {
        required: true,
        content: Object.fromEntries(mediaOf(o).map((one) => [one, { schema: o.body as z.ZodType }])),
      },
    },
    responses: {
      [status]: { description, ...(content && { content }), ...(headers && { headers }) },
      ...(o.gives.etag && o.method === 'get' && { 304: { description: 'Unchanged' } }),
      ...Object.fromEntries(
        refusals(o).map((refusal) => [refusal, { $ref: REFUSED + REFUSALS[refusal].name }]),
      ),
      default: FAILED,
    },
  })
}

/** Told line by line: not kept, so that a repeat would do it again. */
export function isTold({
  method,
  gives: { type = 'application/json' },
}: Pick<Described, 'method' | 'gives'>): boolean {
  return method !== 'get' && type !== 'application/json'
}

/** What the Content-Type of its body may be. */
export function mediaOf({ method }: Pick<Described, 'method'>): string[] {
  return method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json']
}

function requestHeaders(o: Described): z.ZodObject | undefined {
  if (o.method === 'get') return o.gives.etag ? ifNoneMatch : undefined
  if (o.ifMatch) return ifMatch.extend(idempotent.shape)
  return isTold(o) ? undefined : idempotent
}

type Header = { readonly description: string; readonly schema: { readonly type: 'string' | 'integer' } }

const header = (description: string, type: 'string' | 'integer' = 'string'): Header => ({
  description,
  schema: { type },
})

function answerHeaders({ gives: { status, etag } }: Described): Record<string, Header> | undefined {
  const headers = {
    ...(etag && {
      ETag: header('The version, for If-Match; of an answer to GET the answer, for If-None-Match too'),
    }),
    ...(status === 201 && { Location: header('Path of the created object') }),
  }
  return Object.keys(headers).length === 0 ? undefined : headers
}

const REFUSED = '#/components/responses/'

/** Why a request is refused, by status: one answer of each for the whole document. */
const REFUSALS = {
  400: { name: 'Invalid', description: 'A value is missing, unknown or malformed' },
  401: { name: 'NoToken', description: 'No token, or an invalid one' },
  403: { name: 'Forbidden', description: 'The role of the token does not allow it' },
  404: { name: 'NotFound', description: 'No such object' },
  409: {
    name: 'Conflict',
    description: 'The name is taken, the object is in use, or its state does not allow it',
  },
  412: { name: 'Changed', description: 'Its version is not the one in If-Match' },
  413: { name: 'TooLarge', description: 'The body exceeds its limit' },
  415: { name: 'OtherMedia', description: 'The body is declared as something other than JSON in UTF-8' },
  422: { name: 'KeyReused', description: 'The Idempotency-Key was already used for another request' },
  428: { name: 'NoVersion', description: 'If-Match is missing' },
  429: { name: 'TooMany', description: 'Over its fair share; Retry-After says when to retry' },
} as const
type RefusalKind = keyof typeof REFUSALS

function refusals(o: Described): RefusalKind[] {
  const writes = o.method !== 'get'
  const never: Partial<Record<RefusalKind, boolean>> = {
    400: !writes && o.query === undefined && o.params === undefined,
    404: o.params === undefined && o.body === undefined,
    409: !writes,
    412: o.ifMatch !== true,
    413: o.body === undefined,
    415: o.body === undefined,
    422: !writes || isTold(o),
    428: o.ifMatch !== true,
  }
  return (Object.keys(REFUSALS).map(Number) as RefusalKind[]).filter((status) => never[status] !== true)
}

/** By its schema, so that the document has that: all others refer to it by name. */
const FAILED = {
  description: 'A problem; its type is the fault code',
  content: { 'application/problem+json': { schema: problem } },
}

/** Answers that operations refer to. */
export function describeRefusals(app: RestApp): void {
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  const registry = app.openAPIRegistry
  for (const { name, description } of Object.values(REFUSALS)) {
    const headers = name === 'TooMany' ? { 'Retry-After': header('Seconds to wait', 'integer') } : undefined
    registry.registerComponent('responses', name, { description, content, ...(headers && { headers }) })
  }
}

function needsText({ needs, beyond }: Pick<Described, 'needs' | 'beyond'>): string {
  if (beyond === undefined) return `Requires the permission \`${needs}\`.`
  return `Requires the permission \`${needs}\` for ${beyond.only}, and \`${beyond.needs}\` for anything else.`
}
