import { lintReply } from '../../api/lint.ts'
import { lintEverything } from '../lint/warnings.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { operation } from './route.ts'

export function lintRoutes(app: RestApp, deps: RestDeps): void {
  operation(
    app,
    {
      tag: 'lint',
      path: '/api/v1/lint',
      method: 'get',
      id: 'lint',
      summary: 'Everything in the configuration that will not work as it appears to',
      needs: 'read',
      gives: { status: 200, schema: lintReply },
    },
    async (c) => {
      const lint = () => deps.store.reading((tx) => lintEverything(tx, deps))
      return c.json(await deps.shares.heavy.run(c.get('caller').tokenId, lint))
    },
  )
}
