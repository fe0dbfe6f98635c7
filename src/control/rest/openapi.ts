import type { RestDeps } from './deps.ts'
import { describeRefusals, type RestApp } from './describe-operation.ts'

/** OpenAPI 3.1, for anyone: made from the same definitions that the requests are checked with. */
export function openapiRoute(app: RestApp, { version }: RestDeps): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: 'An API token: bst_…',
  })
  describeRefusals(app)
  app.get('/api/v1/openapi.json', (c) => c.body(documentOf(app, version), 200, JSON_TYPE))
}

/** OpenAPI 3.1 section 4.8.4. */
const LICENSE = { name: 'Apache License 2.0', identifier: 'Apache-2.0' }

const JSON_TYPE = { 'content-type': 'application/json' }

/** Each tag that an operation has, by name. */
function tagsOf(app: RestApp): { name: string; description: string }[] {
  const used = app.openAPIRegistry.definitions.flatMap((one) =>
    one.type === 'route' ? (one.route.tags ?? []) : [],
  )
  return [...new Set(used)].sort().map((name) => ({ name, description: `Operations on ${name}` }))
}

/** By version: the same for every app of this process. Making it takes 100 ms, which no request should cost others. */
const made = new Map<string, string>()

/** Called once when all routes are there, so that it is made before anybody is served. */
export function documentOf(app: RestApp, version: string): string {
  const known = made.get(version)
  if (known !== undefined) return known
  const document = app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Backstitch',
      version,
      description:
        'Every error is RFC 9457 problem details whose type is a fault code. Lists are paged by an opaque cursor; a page may end before its limit. A change or deletion requires If-Match. A write accepts an Idempotency-Key, except where the answer is streamed line by line.',
      license: LICENSE,
    },
    servers: [{ url: '/', description: 'The server this document was read from' }],
    tags: tagsOf(app),
  })
  const text = JSON.stringify(document)
  made.set(version, text)
  return text
}
