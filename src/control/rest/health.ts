import { asFault } from '../../base/faults.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'

/** Answers without a token: yes or no, and with `?verbose` which alarms there are; names are for those with a token. */
export function healthRoutes(app: RestApp, deps: RestDeps): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const notReady = deps.notReady?.()
    if (notReady !== undefined) throw notReady
    try {
      await deps.store.policyVersion()
      await deps.store.proveWritable()
    } catch (cause) {
      throw asFault(cause, 'STORE_FAILED', 'control')
    }
    if (c.req.query('verbose') === undefined) return c.json({ status: 'ready' })
    const unreadable = (await deps.policy()).unreadable.size
    return c.json({
      status: 'ready',
      alarms: unreadable === 0 ? [] : [{ code: 'POLICY_UNREADABLE', count: unreadable }],
    })
  })
}
