import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { z } from 'zod'
import { InvalidFault, invalidFrom } from '../../api/invalid.ts'
import { Fault } from '../../base/faults.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import type { Page } from '../../store/page.ts'
import { demand } from './auth.ts'
import { describeOperation, isTold, mediaOf, type Operation, type RestApp } from './describe-operation.ts'
import { jsonBody } from './request-body.ts'
import { etagsIn, type RestEnv } from './write.ts'

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
  const told = isTold(o)
  const media = mediaOf(o)
  describeOperation(app, o)
  app.on(o.method.toUpperCase(), o.path.replaceAll(/\{(\w+)\}/g, ':$1'), async (c) => {
    // Before anything is read: who may not is told nothing of the form.
    demand(c.get('caller'), o.needs)
    c.set('needs', o.needs)
    if (told && c.req.header('idempotency-key') !== undefined) throw new Fault('INVALID', NOT_KEPT)
    const params = checked('path', o.params, c.req.param()) as z.output<P>
    const query = ofThisList(c, checked('query', o.query, queryOf(c))) as z.output<Q>
    const body = (o.body && (await bodyOf(c, o.body, { ...o, media }))) as z.output<B>
    if (o.beyond?.is(body)) {
      const { only, needs } = o.beyond
      demand(c.get('caller'), needs, `anything but ${only}`)
      c.set('needs', needs)
    }
    const response = await handle(c, { query, params, body })
    return writes ? response : unlessKnown(c, response)
  })
}

/**
 * An answer with an ETag of its version gets one of all that it says: what it says of others changes without it. 304
 * without a body where the caller has it already (RFC 9110 section 13.1.2).
 */
async function unlessKnown(c: Context<RestEnv>, response: Response): Promise<Response> {
  const version = response.headers.get('etag')
  if (version === null) return response
  const text = await response.text()
  const hash = createHash('sha256').update(text).digest('base64url').slice(0, 12)
  const etag = `${version.slice(0, -1)}-${hash}"`
  const known = c.req.header('if-none-match')?.trim() ?? ''
  const isKnown = known === '*' || etagsIn(known).some((one) => one.replace(/^W\//, '') === etag)
  const headers = new Headers(response.headers)
  headers.set('etag', etag)
  if (!isKnown) return new Response(text, { status: response.status, headers })
  headers.delete('content-type')
  return new Response(null, { status: 304, headers })
}

/** Methods that a path takes, where it is one of the API. */
export function methodsOf(app: RestApp, path: string): string[] {
  const parts = path.split('/')
  const isOf = (pattern: string) => {
    const wanted = pattern.split('/')
    return (
      wanted.length === parts.length && wanted.every((one, at) => one.startsWith(':') || one === parts[at])
    )
  }
  const methods = app.routes
    .filter(({ method, path: of }) => method !== 'ALL' && isOf(of))
    .map(({ method }) => method)
  return [...new Set(methods)].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
}

/** What the cursors of a list begin with: one of another list would go on in a place that means nothing here. */
export function listMark(routePath: string): string {
  return createHash('sha256').update(routePath).digest('base64url').slice(0, 4)
}

/** @throws {InvalidFault} if the cursor was given out by another list. */
function ofThisList(c: Context<RestEnv>, query: unknown): unknown {
  if (typeof query !== 'object' || query === null || !('cursor' in query)) return query
  const { cursor } = query
  if (typeof cursor !== 'string') return query
  const mark = listMark(c.req.routePath)
  if (cursor.startsWith(mark)) return { ...query, cursor: cursor.slice(mark.length) }
  throw new InvalidFault([{ pointer: '/cursor', detail: 'query parameter: not a cursor from this list' }])
}

/** Of what is given more than once all values, which no schema here takes. */
function queryOf(c: Context<RestEnv>): Record<string, string | readonly string[]> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([key, values]) => [key, values.length === 1 ? values[0]! : values]),
  )
}

/** @throws {InvalidFault} naming each parameter that is wrong. */
function checked(where: 'path' | 'query', schema: z.ZodType | undefined, given: unknown): unknown {
  const read = schema?.safeParse(given)
  if (read === undefined || read.success) return read?.data
  const { errors } = invalidFrom(read.error, schema!)
  throw new InvalidFault(errors.map((one) => ({ ...one, detail: `${where} parameter: ${one.detail}` })))
}

/** @throws {Fault} INVALID; its errors point into the body. */
async function bodyOf(
  c: Context<RestEnv>,
  schema: z.ZodType,
  o: { readonly media: readonly string[]; readonly manyDocuments?: boolean },
): Promise<unknown> {
  const given = await jsonBody(c, o)
  if (turnIsOver()) await nextTurn()
  const read = schema.safeParse(given)
  if (!read.success) throw invalidFrom(read.error, schema)
  return read.data
}

const NOT_KEPT =
  'Idempotency-Key: this answer is streamed and not stored, so a repeat would run it again: send it without the key'

/** Of answers that go on, a line at a time. */
export const JSON_LINES = 'application/jsonl'

export const byId = z.object({ id: z.string().min(1).max(128).meta({ description: 'id or name' }) })

export const MAX_PAGE = 1000
const DEFAULT_PAGE = 100

/** A whole number in a query, in decimal digits alone. Its `meta` says `type: 'integer'`, which is what it becomes. */
export function decimal(least: number, most: number) {
  const expected = `expected a decimal number from ${least} to ${most}`
  return z
    .string()
    .regex(/^\d{1,16}$/, expected)
    .transform(Number)
    .refine((value) => value >= least && value <= most, expected)
}

export const pageQuery = z.strictObject({
  limit: decimal(1, MAX_PAGE)
    .default(DEFAULT_PAGE)
    .meta({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }),
  cursor: z.string().min(1).max(512).optional().meta({ description: 'from `next` of the previous page' }),
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
  const cursor = next === undefined ? undefined : listMark(c.req.routePath) + next
  const end = cursor === undefined ? '}' : `,"next":${JSON.stringify(cursor)}}`
  if (cursor !== undefined) {
    const url = new URL(c.req.url)
    url.searchParams.set('cursor', cursor)
    headers.link = `<${url.pathname}${url.search}>; rel="next"`
  }
  return new Response(`{"items":[${texts.join(',')}]${end}`, { headers })
}
