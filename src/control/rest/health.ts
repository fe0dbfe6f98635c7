import { Fault } from '../../base/faults.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './route.ts'

/** Answers without a token, and says nothing but yes or no. */
export function healthRoutes(app: RestApp, deps: RestDeps): void {
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const notReady = deps.notReady?.()
    if (notReady !== undefined) throw notReady
    try {
      await deps.store.policyVersion()
    } catch (cause) {
      throw new Fault('STORE_FAILED', 'the store does not answer', { cause })
    }
    return c.json({ status: 'ready' })
  })
}
