import { z } from 'zod'
import { auditRecord, auditVerdict } from '../../api/audit.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { auditResource } from './present.ts'
import { operation, pageAnswer, pageQuery, pageSchema } from './route.ts'

const TAG = 'audit'
const PATH = '/api/v1/audit'

const word = z.string().min(1).max(256).optional()

export function auditRoutes(app: RestApp, { store }: RestDeps): void {
  operation(
    app,
    {
      tag: TAG,
      path: PATH,
      method: 'get',
      id: 'listAudit',
      summary: 'List audit records, newest first',
      needs: 'audit',
      query: pageQuery.extend({ actor: word, action: word, object: word }),
      gives: { status: 200, schema: pageSchema(auditRecord, 'AuditRecord') },
    },
    async (c, { query }) => {
      const page = await store.audit.list(query)
      return pageAnswer(c, page, page.items.map(auditResource))
    },
  )

  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/verify`,
      method: 'get',
      id: 'verifyAudit',
      summary: 'Verify the whole chain; reports the first record that was altered',
      needs: 'audit',
      gives: { status: 200, schema: auditVerdict },
    },
    async (c) => c.json(await store.audit.verify()),
  )
}
