import { applyReply, applyRequest } from '../../api/apply.ts'
import type { Repositories } from '../../store/store.ts'
import { execute, prepare, rehearse } from '../apply/execute.ts'
import { warningsAbout } from '../lint/warnings.ts'
import type { RestDeps } from './deps.ts'
import { operation, type RestApp } from './route.ts'
import { write } from './write.ts'

export function applyRoutes(app: RestApp, deps: RestDeps): void {
  operation(
    app,
    {
      tag: 'apply',
      path: '/api/v1/apply',
      method: 'post',
      id: 'apply',
      summary:
        'Make the declared objects what the documents say, in one transaction, or show what it would do',
      needs: 'configure',
      body: applyRequest,
      gives: { status: 200, schema: applyReply },
    },
    async (c, { body: { documents, dryRun, prune } }) => {
      const warnings = (tx: Repositories, ids: readonly string[]) => warningsAbout(tx, deps, ids)
      const prepared = await prepare(deps.store, documents)
      if (dryRun) return c.json(await rehearse(deps.store, prepared, { prune, warnings }))
      return write(c, deps, async (tx) => {
        const { reply, audit } = await execute(tx, prepared, { prune, warnings })
        return { status: 200, body: reply, audit }
      })
    },
  )
}
