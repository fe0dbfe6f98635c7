import { applyReply, applyRequest } from '../../api/apply.ts'
import { jsonText } from '../../base/json-text.ts'
import type { Repositories } from '../../store/store.ts'
import { execute, rehearse } from '../apply/execute.ts'
import { planNow } from '../apply/planned.ts'
import { prepare } from '../apply/prepare.ts'
import { gatherWarnings } from '../lint/warnings.ts'
import { actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { longBody } from './long-body.ts'
import { operation } from './route.ts'
import { write } from './write.ts'

export function applyRoutes(app: RestApp, deps: RestDeps): void {
  operation(
    app,
    {
      tag: 'apply',
      path: '/api/v1/apply',
      method: 'post',
      id: 'apply',
      summary: 'Make the declared objects match the documents in one transaction, or show what would change',
      needs: 'configure',
      body: applyRequest,
      manyDocuments: true,
      gives: { status: 200, schema: applyReply },
    },
    async (c, { body: { documents, dryRun, prune } }) => {
      const inTurn = <Result>(work: () => Promise<Result>) =>
        deps.shares.heavy.run(c.get('caller').tokenId, work)
      const prepared = await prepare(deps.store, documents)
      if (dryRun) {
        const told = await inTurn(async () => {
          const look = (tx: Repositories) => gatherWarnings(tx, deps)
          const { reply, ids, seen } = await rehearse(deps.store, prepared, { prune }, look)
          return jsonText({ ...reply, warnings: await seen(ids) })
        })
        return new Response(longBody(told), { headers: { 'content-type': 'application/json' } })
      }
      return inTurn(async () => {
        const planned = await deps.store.reading((tx) => planNow(tx, prepared, prune))
        return write(c, deps, async (tx) => {
          const by = actorOf(c.get('caller'))
          const { reply, audit, ids } = await execute(tx, prepared, { prune, by }, planned)
          return { status: 200, body: reply, audit, concerns: ids }
        })
      })
    },
  )
}
