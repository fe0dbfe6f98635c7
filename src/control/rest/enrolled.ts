/**
 * What enrols with the control plane and is kept by it as one record: connectors and client devices. Listed, read,
 * changed and deleted alike; a kind says only what it does otherwise.
 *
 * @module
 */
import type { z } from 'zod'
import type { HeldCertificate } from '../../store/agent-fields.ts'
import type { ExpectedVersion } from '../../store/expected-version.ts'
import type { Page, PageQuery } from '../../store/page.ts'
import type { Repositories } from '../../store/store.ts'
import { diff } from '../base/diff.ts'
import { actorOf, type RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'
import { stillKnocks } from './still-knocks.ts'
import { DISABLE_ONLY, demandToForget } from './takes-away.ts'
import { etagOf, expectedVersion, write } from './write.ts'

interface EnrolledRecord extends HeldCertificate {
  readonly id: string
  readonly name: string
  readonly enabled: boolean
  readonly version: number
}

interface EnrolledRepository<Kept extends EnrolledRecord> {
  list(query: PageQuery): Promise<Page<Kept>>
  get(idOrName: string): Promise<Kept>
  delete(id: string, o: { expectVersion?: ExpectedVersion }): Promise<void>
}

/** A kind of what enrols. `Patch`: what a change may say. */
export interface EnrolledKind<Kept extends EnrolledRecord, Patch extends z.ZodType<{ enabled?: boolean }>> {
  /** In audit records, and of the API: its tag and path are the plural of it. */
  readonly kind: string
  /** In the ids of its operations: `getConnector`. */
  readonly id: string
  /** For people. */
  readonly noun: string
  readonly summaries: { readonly [operation in 'list' | 'get' | 'change' | 'delete']: string }
  readonly schemas: {
    readonly resource: z.ZodType
    readonly patch: Patch
    readonly written: z.ZodType
    /** None: there is nothing to say of what was deleted. */
    readonly deleted?: z.ZodType
  }
  readonly in: (tx: Repositories) => EnrolledRepository<Kept>
  readonly resources: (tx: Repositories, records: readonly Kept[], deps: RestDeps) => Promise<object[]>
  /** What is not in lists. */
  readonly details: (record: Kept, deps: RestDeps) => Promise<object>
  readonly update: (
    tx: Repositories,
    before: Kept,
    patch: z.output<Patch>,
    o: { readonly expectVersion: ExpectedVersion | undefined; readonly by: string },
  ) => Promise<Kept>
  /** What a change can change, as the audit log has it. */
  readonly own: (record: Kept) => object
  /** Whose it is, as the audit log has it. */
  readonly belongsTo: (record: Kept) => object
  /** What of a record says no, and would be forgotten with it. */
  readonly saysNo: (record: Kept) => string | false
  /** What besides the record itself lint is to look at, once it was changed. */
  readonly concerns?: (before: Kept, record: Kept) => readonly string[]
  /** What an answer says besides. */
  readonly afterChange?: (tx: Repositories, before: Kept, record: Kept) => Promise<object>
  readonly afterDelete?: (tx: Repositories, record: Kept) => Promise<object>
}

export function enrolledRoutes<Kept extends EnrolledRecord, Patch extends z.ZodType<{ enabled?: boolean }>>(
  app: RestApp,
  deps: RestDeps,
  of: EnrolledKind<Kept, Patch>,
): void {
  const { store, presence } = deps
  const { schemas, summaries } = of
  const tag = `${of.kind}s`
  const path = `/api/v1/${tag}`
  const one = { tag, path: `${path}/{id}`, params: byId }
  const resourceOf = async (tx: Repositories, record: Kept) => (await of.resources(tx, [record], deps))[0]!

  operation(
    app,
    {
      ...{ tag, path, method: 'get', id: `list${of.id}s`, summary: summaries.list, needs: 'read' },
      query: pageQuery,
      gives: { status: 200, schema: pageSchema(schemas.resource, of.id) },
    },
    async (c, { query }) => {
      const page = await of.in(store).list(query)
      return pageAnswer(c, page, await of.resources(store, page.items, deps))
    },
  )

  operation(
    app,
    {
      ...{ ...one, method: 'get', id: `get${of.id}`, summary: summaries.get, needs: 'read' },
      gives: { status: 200, schema: schemas.resource, etag: true },
    },
    async (c, { params }) => {
      const record = await of.in(store).get(params.id).catch(stillKnocks(presence))
      c.header('etag', etagOf(record.version))
      const [resource, details] = await Promise.all([resourceOf(store, record), of.details(record, deps)])
      return c.json({ ...resource, ...details })
    },
  )

  operation(
    app,
    {
      ...{ ...one, method: 'patch', id: `change${of.id}`, summary: summaries.change, needs: 'operate' },
      beyond: DISABLE_ONLY,
      body: schemas.patch,
      ifMatch: true,
      gives: { status: 200, schema: schemas.written, etag: true },
    },
    async (c, { params, body }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const before = await of.in(tx).get(params.id)
        const record = await of.update(tx, before, body, { expectVersion, by: actorOf(c.get('caller')) })
        const detail = { name: record.name, changes: diff(of.own(before), of.own(record)) }
        return {
          status: 200,
          body: { ...(await resourceOf(tx, record)), ...(await of.afterChange?.(tx, before, record)) },
          headers: { etag: etagOf(record.version) },
          concerns: [record.id, ...(of.concerns?.(before, record) ?? [])],
          audit: [{ action: `${of.kind}.update`, object: `${of.kind} ${record.id}`, detail }],
        }
      })
    },
  )

  operation(
    app,
    {
      ...{ ...one, method: 'delete', id: `delete${of.id}`, summary: summaries.delete, needs: 'operate' },
      ifMatch: true,
      gives: schemas.deleted === undefined ? { status: 204 } : { status: 200, schema: schemas.deleted },
    },
    async (c, { params }) => {
      const expectVersion = expectedVersion(c)
      return write(c, deps, async (tx) => {
        const record = await of.in(tx).get(params.id)
        demandToForget(c.get('caller'), `${of.noun} ${record.name}`, of.saysNo(record))
        await of.in(tx).delete(record.id, { expectVersion })
        await tx.outages.forget(record.id)
        // The certificate it holds ends with it.
        const reason = `${of.noun} ${record.name} was deleted`
        await tx.revocations.revokeSerials([record.serial], { reason, expiresMs: record.notAfterMs })
        const detail = { name: record.name, ...of.belongsTo(record), serial: record.serial }
        const body = await of.afterDelete?.(tx, record)
        return {
          status: body === undefined ? 204 : 200,
          body,
          audit: [{ action: `${of.kind}.delete`, object: `${of.kind} ${record.id}`, detail }],
        }
      })
    },
  )
}
