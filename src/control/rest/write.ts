import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import type { Permission } from '../../api/roles.ts'
import { Fault } from '../../base/faults.ts'
import { jsonText } from '../../base/json-text.ts'
import { nextTurn, turnIsOver } from '../../base/slices.ts'
import type { AuditEntry } from '../../store/audit.ts'
import type { Repositories } from '../../store/store.ts'
import { warningsAbout } from '../lint/warnings.ts'
import { type ApiCaller, actorOf, type RestDeps } from './deps.ts'
import { longBody } from './long-body.ts'
import { demandStanding } from './token-stands.ts'

export interface RestEnv {
  Variables: { requestId: string; from: string; caller: ApiCaller; needs?: Permission }
  Bindings: { incoming: IncomingMessage; outgoing: ServerResponse }
}

/** What a write did: the answer, and what to say of it in the audit log. */
export interface WriteResult {
  readonly status: 200 | 201 | 204
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** Objects that were written, by id: what lint finds about them goes into the body as `warnings`. */
  readonly concerns?: readonly string[]
  /** None when nothing was changed. */
  readonly audit: readonly Omit<AuditEntry, 'actor'>[]
}

const PURPOSE = 'idempotency'

/**
 * Runs a write as one transaction: the effect, its audit records, and the answer remembered for its
 * Idempotency-Key. All are durable before anyone sees the answer. Requests with one key come one after another,
 * so a repeat finds the answer of the first.
 *
 * @throws {Fault} TOKEN_INVALID if the token was revoked meanwhile, IDEMPOTENCY_KEY_REUSED, INVALID if the key is too long, and what `work` throws.
 */
export async function write(
  c: Context<RestEnv>,
  deps: RestDeps,
  work: (tx: Repositories) => Promise<WriteResult>,
): Promise<Response> {
  const { store, vault, clock } = deps
  const caller = c.get('caller')
  const key = c.req.header('idempotency-key')
  if (key !== undefined && !/^[\x21-\x7e]{1,128}$/.test(key)) {
    throw new Fault('INVALID', 'Idempotency-Key: expected 1 to 128 visible ASCII characters')
  }
  const requestHash = key === undefined ? '' : await hashOf(c)
  let unsaid: WriteResult | undefined
  const answer = await store.transaction(async (tx) => {
    unsaid = undefined
    await demandStanding(tx, stoodOf(c), clock)
    const before = key === undefined ? undefined : await tx.idempotency.find(caller.tokenId, key)
    if (before !== undefined) {
      if (vault.open(PURPOSE, before.requestHash).toString() !== requestHash) {
        throw new Fault(
          'IDEMPOTENCY_KEY_REUSED',
          'the key was already used with another method, path or body',
        )
      }
      const headers = {
        ...(JSON.parse(before.headers) as Record<string, string>),
        'idempotency-replayed': 'true',
      }
      const body = vault.open(PURPOSE, before.body).toString()
      return new Response(before.status === 204 ? null : longBody(body), { status: before.status, headers })
    }
    const done = await work(tx)
    await tx.audit.appendAll(done.audit.map((entry) => ({ ...entry, actor: actorOf(caller) })))
    // Lint takes long at size, and everybody who writes would wait for it. An answer that is remembered is so as a whole.
    if (key === undefined && done.concerns !== undefined) unsaid = done
    const whole = unsaid === undefined ? await withWarnings(tx, deps, done) : undefined
    const body = whole === undefined ? '' : await jsonText(whole)
    const headers = { ...done.headers, ...(body === '' ? {} : { 'content-type': 'application/json' }) }
    if (key !== undefined) {
      // Sealed: the answer may hold a secret that is shown once, the request a password.
      const sealed = vault.seal(PURPOSE, body)
      if (turnIsOver()) await nextTurn()
      await tx.idempotency.remember({
        tokenId: caller.tokenId,
        key,
        requestHash: vault.seal(PURPOSE, requestHash),
        status: done.status,
        headers: JSON.stringify(headers),
        body: sealed,
      })
      if (turnIsOver()) await nextTurn()
    }
    return new Response(done.status === 204 ? null : longBody(body), { status: done.status, headers })
  })
  if (unsaid === undefined) return answer
  const { status, headers } = unsaid
  const body = await jsonText(await warnedAfter(deps, unsaid))
  return new Response(longBody(body), { status, headers: { ...headers, 'content-type': 'application/json' } })
}

/** It is durable by now: that lint cannot be asked is not said of the write. */
async function warnedAfter(deps: RestDeps, done: WriteResult): Promise<object> {
  try {
    // Policy reads what was written in any case: lint then has it, and what can be made of it.
    await deps.policy()
    return (await deps.store.reading((tx) => withWarnings(tx, deps, done))) ?? {}
  } catch (error) {
    deps.log.error({ event: 'lint.failed', err: error }, 'lint could not check what was written')
    return { ...done.body, warnings: [] }
  }
}

/**
 * Puts on record what begins now, where nothing else is written.
 *
 * @throws {Fault} TOKEN_INVALID if the token was revoked meanwhile.
 */
export function record(
  c: Context<RestEnv>,
  { store, clock }: RestDeps,
  entry: Omit<AuditEntry, 'actor'>,
): Promise<void> {
  return store.transaction(async (tx) => {
    await demandStanding(tx, stoodOf(c), clock)
    await tx.audit.append({ ...entry, actor: actorOf(c.get('caller')) })
  })
}

/** Every operation says what it needs; one that did not would need all. */
function stoodOf(c: Context<RestEnv>) {
  return { caller: c.get('caller'), needs: c.get('needs') ?? 'own' } as const
}

async function withWarnings(
  tx: Repositories,
  deps: RestDeps,
  { body, concerns }: WriteResult,
): Promise<object | undefined> {
  if (concerns === undefined) return body
  return { ...body, warnings: await warningsAbout(tx, deps, concerns) }
}

async function hashOf(c: Context<RestEnv>): Promise<string> {
  const { pathname, search } = new URL(c.req.url)
  const content = JSON.stringify([c.req.method, pathname + search, await c.req.text()])
  return createHash('sha256').update(content).digest('hex')
}

export function etagOf(version: number): string {
  return `"${version}"`
}

/**
 * The versions a change is of, from If-Match (RFC 9110 section 13.1.1): one of them must be the one that is there.
 *
 * @returns undefined for `*`: whatever is there.
 * @throws {Fault} PRECONDITION_REQUIRED if the header is absent, PRECONDITION_FAILED if it names no ETag of ours.
 */
export function expectedVersion(c: Context<RestEnv>): readonly number[] | undefined {
  const header = c.req.header('if-match')?.trim()
  if (header === undefined || header === '') {
    throw new Fault('PRECONDITION_REQUIRED', `${c.req.method} requires If-Match`)
  }
  if (header === '*') return undefined
  // A weak one (W/"…") matches nothing here.
  const versions = etagsIn(header).flatMap((tag) => /^"(\d{1,15})(?:-[\w-]+)?"$/.exec(tag)?.[1] ?? [])
  if (versions.length > 0) return versions.map(Number)
  throw new Fault('PRECONDITION_FAILED', `If-Match: no version has the ETag ${header.slice(0, 128)}`, {
    seen: { header: header.slice(0, 128) },
  })
}

/** As many are looked at. */
const MAX_ETAGS = 32

/** Those of a list in a header, as they stand there. */
export function etagsIn(header: string): string[] {
  return (header.match(/(?:W\/)?"[^"]*"/g) ?? []).slice(0, MAX_ETAGS)
}
