import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RestDeps } from './deps.ts'

/** Metrics of the API and of what the store knows. Labels are bounded: routes, not paths. */
export class RestMetrics {
  readonly registry: Registry
  readonly #seconds: Histogram<'method' | 'route' | 'status'>
  readonly #failedAuth: Counter

  constructor({ store, policy, registry = new Registry() }: Pick<RestDeps, 'store' | 'policy' | 'registry'>) {
    const registers = [registry]
    this.registry = registry
    this.#seconds = new Histogram({
      name: 'backstitch_api_request_seconds',
      help: 'Time to answer API requests',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5],
      registers,
    })
    this.#failedAuth = new Counter({
      name: 'backstitch_api_auth_failures_total',
      help: 'API requests whose token was refused',
      registers,
    })
    new Gauge({
      name: 'backstitch_policy_version',
      help: 'Version of the policy in the store',
      registers,
      async collect() {
        this.set(await store.policyVersion())
      },
    })
    new Gauge({
      name: 'backstitch_policy_unreadable_objects',
      help: 'Stored objects that policy cannot read and that are therefore closed',
      registers,
      async collect() {
        this.set((await policy()).unreadable.size)
      },
    })
    new Gauge({
      name: 'backstitch_sessions_open',
      help: 'Sessions that are open',
      registers,
      async collect() {
        this.set(await store.sessions.countOpen())
      },
    })
  }

  answered(o: { method: string; route: string; status: number; seconds: number }): void {
    this.#seconds.observe({ method: o.method, route: o.route, status: String(o.status) }, o.seconds)
  }

  authFailed(): void {
    this.#failedAuth.inc()
  }
}
