import type { RestDeps } from './deps.ts'
import type { RestApp } from './route.ts'

/** OpenAPI 3.1, for anyone: made from the same definitions that the requests are checked with. */
export function openapiRoute(app: RestApp, { version }: RestDeps): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token: bst_…',
  })
  let text: string | undefined
  app.get('/api/v1/openapi.json', (c) => {
    text ??= JSON.stringify(
      app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Backstitch',
          version,
          description:
            'Every error is RFC 9457 problem details whose type is a fault code. Lists are paged by an opaque ' +
            'cursor. A change or deletion needs If-Match. A write takes an Idempotency-Key.',
          license: { name: 'Apache-2.0' },
        },
      }),
    )
    return c.body(text, 200, { 'content-type': 'application/json' })
  })
}
