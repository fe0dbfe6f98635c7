/**
 * The REST API as one Node request handler: what stands before every operation, and the list of operations.
 *
 * In this order: a request id · Host and Origin · the token · the size of the body · the role · the form of the
 * request · the operation. Nothing is read of a body for a caller who has no valid token, nor more of it than its
 * limit, and nothing else is looked up.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { asFault, Fault } from '../../base/faults.ts'
import { newId } from '../../base/ids.ts'
import { isOverShare } from '../../base/shares.ts'
import { ON_THIS_MACHINE, placeOf } from '../../link/accept/origin.ts'
import { applyRoutes } from './apply.ts'
import { auditRoutes } from './audit.ts'
import { TokenAuth } from './auth.ts'
import { CONNECTORS } from './connectors.ts'
import { denialRoutes } from './denials.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { CLIENT_DEVICES } from './devices.ts'
import { diagnoseRoutes } from './diagnose.ts'
import { enrolledRoutes } from './enrolled.ts'
import { healthRoutes } from './health.ts'
import { checkHost } from './host-check.ts'
import { keyRoutes } from './keys.ts'
import { lintRoutes } from './lint.ts'
import { RestMetrics } from './metrics.ts'
import { objectRoutes } from './objects.ts'
import { documentOf, openapiRoute } from './openapi.ts'
import { outageRoutes } from './outages.ts'
import { FormFault, problemHeaders, problemOf } from './problem.ts'
import { JSON_LINES, methodsOf } from './route.ts'
import { sessionRoutes } from './sessions.ts'
import { signOutRoutes } from './sign-outs.ts'
import { whileTokenStands } from './token-stands.ts'
import { tokenRoutes } from './tokens.ts'
import { traceRoutes } from './trace.ts'
import { untilTaken } from './until-taken.ts'
import { vitalsRoutes } from './vitals.ts'
import type { RestEnv } from './write.ts'

const MAX_BODY_BYTES = 256 * 1024
const MAX_APPLY_BYTES = 4 * 1024 * 1024

/** Headers every answer has: this is an API, nothing of it is to be framed, sniffed or kept. */
const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  // RFC 6797: browsers take it only where the certificate is one that they trust.
  'strict-transport-security': 'max-age=31536000',
}

/** The handler of `/api/v1`, `/healthz`, `/readyz` and `/metrics`; anything else is NOT_FOUND. */
export function createRestApp(deps: RestDeps): (request: IncomingMessage, response: ServerResponse) => void {
  const app = buildApp(deps)
  // What cannot even be made a request of: a Host or path that is no URL.
  const errorHandler = (error: unknown) => {
    const fault = new Fault('INVALID', error instanceof Error ? error.message : String(error), {
      cause: error,
    })
    const problem = problemOf(fault, newId('req'))
    return new Response(JSON.stringify(problem), { status: problem.status, headers: problemHeaders(fault) })
  }
  return getRequestListener(app.fetch, { errorHandler })
}

/** The app itself, for tests that need no socket. */
export function buildApp(deps: RestDeps): RestApp {
  const metrics = new RestMetrics(deps)
  const auth = new TokenAuth(deps)
  const app: RestApp = new OpenAPIHono<RestEnv>()
  const refuse = (c: Context<RestEnv>, fault: Fault) => answerFault(deps, c, fault)

  app.onError((error, c) => {
    if (error instanceof HTTPException) return refuse(c, new FormFault(error.status, error.message))
    return refuse(c, asFault(error))
  })
  app.notFound((c) => refuse(c, unanswered(app, c)))

  app.use(async (c, next) => {
    const startMs = performance.now()
    c.set('requestId', newId('req'))
    c.set('from', addressOf(deps, c))
    checkHost((name) => c.req.header(name), deps.hosts())
    await next()
    for (const [name, value] of Object.entries(SAFE_HEADERS)) c.header(name, value)
    c.header('x-request-id', c.get('requestId'))
    const seconds = (performance.now() - startMs) / 1000
    metrics.answered({ method: c.req.method, route: c.req.routePath, status: c.res.status, seconds })
  })
  healthRoutes(app, deps)
  app.use('/api/v1/openapi.json', async (c, next) => {
    await untilTaken(c, { share: deps.shares.strangers, by: placeOf(c.get('from')).place }, next)
  })
  openapiRoute(app, deps)

  app.use(async (c, next) => {
    const notReady = deps.notReady?.()
    // On the machine itself it must be possible to look, and to mend, also while no edge comes up.
    if (notReady !== undefined && c.get('from') !== ON_THIS_MACHINE) throw notReady
    try {
      c.set('caller', await auth.callerOf(c.req.header('authorization'), c.get('from')))
    } catch (fault) {
      metrics.authFailed()
      throw fault
    }
    await untilTaken(c, { share: deps.shares.requests, by: c.get('caller').tokenId }, next)
  })

  app.use(async (c, next) => {
    await next()
    const needs = c.get('needs')
    if (needs === undefined || c.res.body === null || c.res.headers.get('content-type') !== JSON_LINES) return
    const lines = whileTokenStands(deps, { caller: c.get('caller'), needs }, c.res.body)
    c.res = new Response(lines, c.res)
  })

  // After the token: a body without a length is read up to its limit to find out that it has no more.
  const onError = (c: Context) => refuse(c, new Fault('TOO_LARGE', 'the body exceeds the limit'))
  const limit = bodyLimit({ maxSize: MAX_BODY_BYTES, onError })
  const applyLimit = bodyLimit({ maxSize: MAX_APPLY_BYTES, onError })
  app.use((c, next) => (c.req.path === '/api/v1/apply' ? applyLimit : limit)(c, next))

  app.get('/metrics', async (c) => {
    const [own, ofEdge = ''] = await Promise.all([metrics.registry.metrics(), deps.edgeMetrics?.()])
    return c.text(own + ofEdge, 200, { 'content-type': metrics.registry.contentType })
  })
  objectRoutes(app, deps)
  keyRoutes(app, deps)
  enrolledRoutes(app, deps, CONNECTORS)
  diagnoseRoutes(app, deps)
  outageRoutes(app, deps)
  enrolledRoutes(app, deps, CLIENT_DEVICES)
  signOutRoutes(app, deps)
  sessionRoutes(app, deps)
  traceRoutes(app, deps)
  denialRoutes(app, deps)
  auditRoutes(app, deps)
  tokenRoutes(app, deps)
  vitalsRoutes(app, deps)
  applyRoutes(app, deps)
  lintRoutes(app, deps)
  documentOf(app, deps.version)
  return app
}

function addressOf(deps: RestDeps, c: Context<RestEnv>): string {
  const incoming = c.env?.incoming
  if (incoming === undefined) return 'none'
  return deps.addressOf?.(incoming) ?? incoming.socket.remoteAddress ?? 'none'
}

/** NOT_FOUND, or what is asked of this path in another way. */
function unanswered(app: RestApp, { req: { method, path } }: Context<RestEnv>): Fault {
  const methods = methodsOf(app, path)
  if (methods.length === 0) return new Fault('NOT_FOUND', `nothing answers at ${path}`)
  return new FormFault(405, `${path} accepts ${methods.join(', ')}: got ${method}`, {
    allow: methods.join(', '),
  })
}

function answerFault(deps: RestDeps, c: Context<RestEnv>, fault: Fault): Response {
  const requestId = c.get('requestId') ?? newId('req')
  const problem = problemOf(fault, requestId)
  const fields = { event: 'api.refused', requestId, code: fault.code, method: c.req.method, path: c.req.path }
  if (isOverShare(fault)) {
    const about = { ...fields, event: 'share.full', peer: String(fault.seen.principal), seen: fault.seen }
    deps.log.warn(about, fault.detail)
  } else if (fault.code === 'INTERNAL') deps.log.error({ ...fields, err: fault.cause ?? fault }, fault.detail)
  else deps.log.debug({ ...fields, status: problem.status }, fault.detail)
  const headers = { ...SAFE_HEADERS, ...problemHeaders(fault), 'x-request-id': requestId }
  return new Response(JSON.stringify(problem), { status: problem.status, headers })
}
