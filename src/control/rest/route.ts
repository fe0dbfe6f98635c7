import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { InvalidFault, invalidFrom } from '../../api/invalid.ts'
import { problem } from '../../api/problem.ts'
import type { Permission } from '../../api/roles.ts'
import { checkShape } from '../../api/shape.ts'
import { Fault } from '../../base/faults.ts'
import type { Page } from '../../store/page.ts'
import { demand } from './auth.ts'
import type { RestEnv } from './write.ts'

export type RestApp = OpenAPIHono<RestEnv>

/** A body that asks for more than its operation gives with the least permission. */
export interface Beyond<Body> {
  /** What the least is enough for: "disabling it". */
  readonly only: string
  readonly needs: Permission
  readonly is: (body: Body) => boolean
}

/** One operation: what it is called, what it needs, takes and gives. */
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
  readonly gives: { readonly status: 200 | 201 | 204; readonly schema?: z.ZodType; readonly type?: string }
  readonly ifMatch?: boolean
  /** The body holds many documents, whose size is looked at one by one. */
  readonly manyDocuments?: boolean
}

const PROBLEM = {
  description: 'A problem; its type is the fault code',
  content: { 'application/problem+json': { schema: problem } },
}

const ifMatch = z.object({
  'if-match': z.string().optional().meta({
    description: 'ETag of the version this changes; `*` for whatever is there. Without it: 428.',
  }),
})
const idempotent = z.object({
  'idempotency-key': z.string().optional().meta({
    description: 'A repeat with the same key within 24 hours gets the first answer again.',
  }),
})

/** Adds one operation to the app and its description to the OpenAPI document. */
export function operation<Q extends z.ZodObject, P extends z.ZodObject, B extends z.ZodType>(
  app: RestApp,
  o: Operation<Q, P, B>,
  handle: (
    c: Context<RestEnv>,
    input: { readonly query: z.output<Q>; readonly params: z.output<P>; readonly body: z.output<B> },
  ) => Promise<Response>,
): void {
  const writes = o.method !== 'get'
  const { status, schema, type = 'application/json' } = o.gives
  // What is told line by line is not kept: a repeat would do it again.
  const told = writes && type !== 'application/json'
  const headers = o.ifMatch ? ifMatch.extend(idempotent.shape) : writes && !told ? idempotent : undefined
  const description = status === 201 ? 'Created' : status === 204 ? 'Done' : 'OK'
  const content = schema === undefined ? undefined : { [type]: { schema } }
  const media =
    o.method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json']
  const route = createRoute({
    method: o.method,
    path: o.path,
    operationId: o.id,
    summary: o.summary,
    description: needsText(o),
    tags: [o.tag],
    security: [{ token: [] }],
    request: {
      query: o.query,
      params: o.params,
      headers,
      body: o.body && {
        required: true,
        content: Object.fromEntries(media.map((one) => [one, { schema: o.body as z.ZodType }])),
      },
    },
    responses: {
      [status]: content === undefined ? { description } : { description, content },
      default: PROBLEM,
    },
    // Before the validators: who may not is told nothing of the form.
    middleware: async (c: Context<RestEnv>, next: () => Promise<void>) => {
      demand(c.get('caller'), o.needs)
      c.set('needs', o.needs)
      if (told && c.req.header('idempotency-key') !== undefined) throw new Fault('INVALID', NOT_KEPT)
      // What is no JSON at all the validator says.
      if (o.body && !o.manyDocuments) checkShape(await c.req.json().catch(() => undefined))
      await next()
    },
  })
  const handler = (c: Context<RestEnv>) => {
    // The route type above is built at run time, so that what was validated has lost its type: it is `o`'s.
    const valid = (target: string) => (c.req.valid as (target: string) => unknown).call(c.req, target)
    const body = (o.body && valid('json')) as z.output<B>
    if (o.beyond?.is(body)) {
      const { only, needs } = o.beyond
      demand(c.get('caller'), needs, `anything but ${only}`)
      c.set('needs', needs)
    }
    return handle(c, {
      query: (o.query && valid('query')) as z.output<Q>,
      params: (o.params && valid('param')) as z.output<P>,
      body,
    })
  }
  app.openapi(route, handler as never, (result) => {
    if (!result.success) throw formFault(result.error as z.ZodError, result.target, o)
  })
}

const NOT_KEPT =
  'Idempotency-Key: this answer is told line by line and not kept, so a repeat would do it again: send it without the key'

function needsText({ needs, beyond }: { needs: Permission; beyond?: Beyond<never> }): string {
  if (beyond === undefined) return `Needs the permission \`${needs}\`.`
  return `Needs the permission \`${needs}\` for ${beyond.only}, and \`${beyond.needs}\` for anything else.`
}

/** Errors of the body point into it; those of the query or path say which parameter. */
function formFault(
  error: z.ZodError,
  target: string,
  o: { readonly query?: z.ZodType; readonly body?: z.ZodType },
): InvalidFault {
  if (target === 'json') return invalidFrom(error, o.body ?? z.unknown())
  const { errors } = invalidFrom(error, o.query ?? z.unknown())
  return new InvalidFault(errors.map((one) => ({ ...one, detail: `${target} parameter: ${one.detail}` })))
}

/** Of answers that go on, a line at a time. */
export const JSON_LINES = 'application/jsonl'

export const byId = z.object({ id: z.string().min(1).max(128).meta({ description: 'id or name' }) })

export const MAX_PAGE = 1000

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  cursor: z.string().min(1).max(512).optional().meta({ description: 'from `next` of the page before' }),
})

export function pageSchema(item: z.ZodType, name: string): z.ZodType {
  return z
    .object({
      items: z.array(item),
      /** Absent on the last page. */
      next: z.string().optional(),
    })
    .meta({ id: `${name}Page` })
}

/** A page as answer, with the address of the next in the Link header. */
export function pageAnswer<T>(c: Context<RestEnv>, page: Page<T>, items: readonly object[]): Response {
  return pageOfTexts(c, { texts: items.map((item) => JSON.stringify(item)), next: page.next })
}

/** As pageAnswer, of items that are JSON already. */
export function pageOfTexts(
  c: Context<RestEnv>,
  { texts, next }: { readonly texts: readonly string[]; readonly next?: string },
): Response {
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  const end = next === undefined ? '}' : `,"next":${JSON.stringify(next)}}`
  if (next !== undefined) {
    const url = new URL(c.req.url)
    url.searchParams.set('cursor', next)
    headers.link = `<${url.pathname}${url.search}>; rel="next"`
  }
  return new Response(`{"items":[${texts.join(',')}]${end}`, { headers })
}
