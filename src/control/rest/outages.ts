import { outageList } from '../../api/diagnosis.ts'
import { rfc3339 } from '../../base/clock.ts'
import type { OutageRecord } from '../../wire/control.ts'
import type { RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { byId, operation } from './route.ts'

/** The times when agents were away, as they told when they were back; newest first. */
export function outageRoutes(app: RestApp, { store }: RestDeps): void {
  const agents = [
    { tag: 'connectors', name: 'Connector', find: (id: string) => store.connectors.get(id) },
    { tag: 'client-devices', name: 'ClientDevice', find: (id: string) => store.devices.get(id) },
    { tag: 'edges', name: 'Edge', find: (id: string) => store.objects.get('edge', id) },
  ]
  for (const { tag, name, find } of agents) {
    operation(
      app,
      {
        tag,
        path: `/api/v1/${tag}/{id}/outages`,
        params: byId,
        method: 'get',
        id: `list${name}Outages`,
        summary: 'Outages as reported after reconnecting, newest first',
        needs: 'read',
        gives: { status: 200, schema: outageList },
      },
      async (c, { params }) => {
        const { id } = await find(params.id)
        return c.json({ items: (await store.outages.of(id)).map(outageResource) })
      },
    )
  }
}

function outageResource({ sinceMs, endedMs, ...rest }: OutageRecord): object {
  return { kind: 'outage', ...rest, since: rfc3339(sinceMs), ended: rfc3339(endedMs) }
}
