import { type TraceLine, traceInput, traceLine } from '../../api/trace.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { jsonLines } from './json-lines.ts'
import { JSON_LINES, operation } from './route.ts'
import { record } from './write.ts'

/** A canary for one user to one application. It opens a session in the name of the user: that is audited. */
export function traceRoutes(app: RestApp, deps: RestDeps): void {
  const { store, trace, shares } = deps

  operation(
    app,
    {
      tag: 'traces',
      path: '/api/v1/trace',
      method: 'post',
      id: 'trace',
      summary:
        "Trace a user's path to an application from the user's device; streams JSON lines, the report last",
      needs: 'operate',
      body: traceInput,
      gives: { status: 200, schema: traceLine, type: JSON_LINES },
    },
    async (c, { body }) => {
      const user = await store.objects.get('user', body.user)
      const { host, port, protocol, device } = body
      await record(c, deps, {
        action: 'user.trace',
        object: `user ${user.id}`,
        detail: { name: user.name, host, port, protocol, ...(device === undefined ? {} : { device }) },
      })
      const shared = { share: shares.longAnswers, by: c.get('caller').tokenId }
      const lines = await jsonLines<TraceLine>(shared, async (write, signal) => ({
        report: await trace({ ...body, user: user.id }, { step: (step) => write({ step }), signal }),
      }))
      return new Response(lines, { headers: { 'content-type': JSON_LINES, 'cache-control': 'no-store' } })
    },
  )
}
