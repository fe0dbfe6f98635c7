import { z } from 'zod'
import { session, sessionLine } from '../../api/sessions.ts'
import { Fault } from '../../base/faults.ts'
import type { SessionFilter } from '../../store/session-list.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { filterId } from './filter-id.ts'
import { sessionResource } from './present.ts'
import { byId, decimal, JSON_LINES, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { sessionLines } from './session-lines.ts'

const TAG = 'sessions'
const PATH = '/api/v1/sessions'

const id = z.string().min(1).max(128).optional().meta({ description: 'id or name' })

/** Ids or names. */
const filter = {
  state: z.enum(['open', 'closed']).optional(),
  user: id,
  device: id,
  connector: id,
  segment: id,
  rule: id,
  host: z.string().min(1).max(253).optional(),
  closeReason: z.string().min(1).max(64).optional(),
}

const streamQuery = z.strictObject({
  follow: z
    .enum(['true', 'false'])
    .default('true')
    .meta({ description: 'false: stop after the existing records' }),
  since: decimal(0, Number.MAX_SAFE_INTEGER).optional().meta({
    type: 'integer',
    description: 'Unix milliseconds: first the sessions changed since then; by default only new changes',
  }),
})

export function sessionRoutes(app: RestApp, deps: RestDeps): void {
  const { store } = deps

  operation(
    app,
    {
      tag: TAG,
      path: PATH,
      method: 'get',
      id: 'listSessions',
      summary: 'List sessions, newest first',
      needs: 'read',
      query: pageQuery.extend(filter),
      gives: { status: 200, schema: pageSchema(session, 'Session') },
    },
    async (c, { query }) => {
      const { limit, cursor, ...rest } = query
      const page = await store.sessions.list({ limit, cursor }, await resolve(deps, rest))
      return pageAnswer(c, page, page.items.map(sessionResource))
    },
  )

  // Before /{id}, which would take "stream" for an id.
  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/stream`,
      method: 'get',
      id: 'streamSessions',
      summary: 'Sessions as JSON lines, each time one opens, changes or closes',
      needs: 'read',
      query: streamQuery,
      gives: { status: 200, schema: sessionLine, type: JSON_LINES },
    },
    async (c, { query }) => {
      const { longAnswers } = deps.shares
      const { tokenId } = c.get('caller')
      longAnswers.take(tokenId)
      const onEnd = () => longAnswers.give(tokenId)
      const from = { follow: query.follow === 'true', since: query.since ?? ('now' as const) }
      const lines = sessionLines(store, { ...from, onEnd })
      const headers = { 'content-type': JSON_LINES, 'cache-control': 'no-store' }
      return new Response(lines, { headers })
    },
  )

  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/{id}`,
      params: byId,
      method: 'get',
      id: 'getSession',
      summary: 'Read one session with the times of every hop',
      needs: 'read',
      gives: { status: 200, schema: session },
    },
    async (c, { params }) => {
      const record = await store.sessions.get(params.id)
      if (record === undefined) throw new Fault('NOT_FOUND', `no session ${params.id}`)
      return c.json(sessionResource(record))
    },
  )
}

/** Names in a filter become ids. */
async function resolve({ store }: RestDeps, given: SessionFilter): Promise<SessionFilter> {
  return {
    ...given,
    user: await filterId(store, 'user', 'user', given.user),
    device: await filterId(store, 'client-device', 'device', given.device),
    connector: await filterId(store, 'connector', 'connector', given.connector),
    segment: await filterId(store, 'segment', 'segment', given.segment),
    rule: await filterId(store, 'access-rule', 'rule', given.rule),
  }
}
