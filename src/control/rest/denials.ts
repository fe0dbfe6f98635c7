import { z } from 'zod'
import { type DenialResource, denial } from '../../api/trace.ts'
import { rfc3339 } from '../../base/clock.ts'
import { FAULTS, Fault } from '../../base/faults.ts'
import { wouldPass } from '../../policy/would-pass.ts'
import type { DenialRecord } from '../../store/denials.ts'
import { namedFaults } from '../trace/names-in.ts'
import { traceCommand } from '../trace/verdict.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { filterId } from './filter-id.ts'
import { byId, operation, pageAnswer, pageQuery, pageSchema } from './route.ts'

const TAG = 'denials'
const PATH = '/api/v1/denials'

/** Refusals, by the ids that users were told. */
export function denialRoutes(app: RestApp, { store }: RestDeps): void {
  const resources = async (records: readonly DenialRecord[]) => {
    const faults = await namedFaults(
      store,
      records.map(({ fault }) => fault),
    )
    return records.map((record, at) => denialResource({ ...record, fault: faults[at]! }))
  }

  operation(
    app,
    {
      tag: TAG,
      path: PATH,
      method: 'get',
      id: 'listDenials',
      summary: 'List denials, newest first',
      needs: 'read',
      query: pageQuery.extend({
        user: z.string().min(1).max(128).optional().meta({ description: 'id or name' }),
      }),
      gives: { status: 200, schema: pageSchema(denial, 'Denial') },
    },
    async (c, { query: { limit, cursor, user } }) => {
      const id = await filterId(store, 'user', 'user', user)
      const page = await store.denials.list({ limit, cursor }, { user: id })
      return pageAnswer(c, page, await resources(page.items))
    },
  )

  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/{id}`,
      params: byId,
      method: 'get',
      id: 'getDenial',
      summary: 'Read a denial: what was refused, by which rule, and what would allow it',
      needs: 'read',
      gives: { status: 200, schema: denial },
    },
    async (c, { params }) => {
      const record = await store.denials.get(params.id)
      if (record === undefined) throw new Fault('NOT_FOUND', `no denial ${params.id}`)
      const [resource] = await resources([record])
      return c.json(resource)
    },
  )
}

function denialResource(record: DenialRecord): DenialResource {
  const { id, atMs, userId, userName, deviceId, deviceName, fault, host, port, protocol } = record
  const { seen = {} } = fault
  const text = (key: string) => (typeof seen[key] === 'string' ? seen[key] : undefined)
  const list = (key: string) => (Array.isArray(seen[key]) ? seen[key] : [])
  const condition = text('condition')
  const user = { id: userId ?? '', name: userName ?? userId ?? '' }
  return {
    kind: 'denial',
    ...{ id, at: rfc3339(atMs), user: userId, device: deviceId, host, port, protocol },
    names: { ...named(userId, userName), ...named(deviceId, deviceName) },
    from: record.from,
    ...{ code: fault.code, hop: fault.hop, title: FAULTS[fault.code].title, detail: fault.detail },
    segment: text('segment'),
    rule: text('rule') ?? text('nearestRule'),
    condition:
      condition === undefined ? undefined : { name: condition, wanted: list('wanted'), seen: list('seen') },
    wouldPass: wouldPass(fault, record),
    times: record.times,
    lastAt: record.lastMs === undefined ? undefined : rfc3339(record.lastMs),
    trace: traceCommand({
      user,
      device: { id: deviceId, name: deviceName ?? deviceId, online: false },
      ...{ host, port, protocol },
    }),
  }
}

function named(id: string | undefined, name: string | undefined): Record<string, string> {
  return id === undefined || name === undefined ? {} : { [id]: name }
}
