import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { InvalidFault, invalidFrom } from '../../api/invalid.ts'
import { problem } from '../../api/problem.ts'
import type { Permission } from '../../api/roles.ts'
import type { Page } from '../../store/page.ts'
import { demand } from './auth.ts'
import type { RestEnv } from './write.ts'

export type RestApp = OpenAPIHono<RestEnv>

/** One operation: what it is called, what it needs, takes and gives. */
export interface Operation<Q extends z.ZodObject, P extends z.ZodObject, B extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  readonly path: string
  readonly id: string
  readonly summary: string
  readonly tag: string
  readonly needs: Permission
  readonly query?: Q
  readonly params?: P
  readonly body?: B
  /** Success: its status, and the schema of its body if it has one. */
  readonly gives: { readonly status: 200 | 201 | 204; readonly schema?: z.ZodType; readonly type?: string }
  readonly ifMatch?: boolean
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
  const headers = o.ifMatch ? ifMatch.extend(idempotent.shape) : writes ? idempotent : undefined
  const { status, schema, type = 'application/json' } = o.gives
  const description = status === 201 ? 'Created' : status === 204 ? 'Done' : 'OK'
  const content = schema === undefined ? undefined : { [type]: { schema } }
  const media =
    o.method === 'patch' ? ['application/merge-patch+json', 'application/json'] : ['application/json']
  const route = createRoute({
    method: o.method,
    path: o.path,
    operationId: o.id,
    summary: o.summary,
    description: `Needs the permission \`${o.needs}\`.`,
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
      await next()
    },
  })
  const handler = (c: Context<RestEnv>) => {
    // The route type above is built at run time, so that what was validated has lost its type: it is `o`'s.
    const valid = (target: string) => (c.req.valid as (target: string) => unknown).call(c.req, target)
    return handle(c, {
      query: (o.query && valid('query')) as z.output<Q>,
      params: (o.params && valid('param')) as z.output<P>,
      body: (o.body && valid('json')) as z.output<B>,
    })
  }
  app.openapi(route, handler as never, (result) => {
    if (!result.success) throw formFault(result.error as z.ZodError, result.target, o)
  })
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
  const headers: Record<string, string> = { 'content-type': 'application/json' }
  if (page.next !== undefined) {
    const url = new URL(c.req.url)
    url.searchParams.set('cursor', page.next)
    headers.link = `<${url.pathname}${url.search}>; rel="next"`
  }
  return new Response(JSON.stringify({ items, next: page.next }), { headers })
}
