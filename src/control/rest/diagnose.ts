import { diagnoseInput, diagnoseLine } from '../../api/diagnosis.ts'
import { may, type Role, rolesWith } from '../../api/roles.ts'
import { Fault } from '../../base/faults.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import { findSegment } from '../../policy/segment.ts'
import type { DiagnosisTarget } from '../../wire/control.ts'
import { loadPolicy } from '../snapshot.ts'
import { actorOf, type RestDeps } from './deps.ts'
import { examinationLines } from './examination-lines.ts'
import { byId, operation, type RestApp } from './route.ts'

const TAG = 'connectors'
const PATH = '/api/v1/connectors/{id}'
const TYPE = 'application/jsonl'

/** What connectors say of themselves when they are asked. */
export function diagnoseRoutes(app: RestApp, deps: RestDeps): void {
  const { store, presence } = deps

  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/diagnose`,
      params: byId,
      method: 'post',
      id: 'diagnoseConnector',
      summary: 'Ask a connected connector to examine itself; JSON lines as it goes, the report last',
      needs: 'operate',
      body: diagnoseInput,
      gives: { status: 200, schema: diagnoseLine, type: TYPE },
    },
    async (c, { params, body }) => {
      const connector = await store.connectors.get(params.id)
      const target = body.app && (await targetOf(deps, body.app, c.get('caller').role))
      const looked = target === undefined ? {} : { app: `${target.host}:${target.port}` }
      await store.transaction((tx) =>
        tx.audit.append({
          actor: actorOf(c.get('caller')),
          action: 'connector.diagnose',
          object: `connector ${connector.id}`,
          detail: { name: connector.name, ...looked },
        }),
      )
      const lines = await examinationLines((o) => presence.diagnose(connector.id, target, o))
      return new Response(lines, { headers: { 'content-type': TYPE, 'cache-control': 'no-store' } })
    },
  )
}

/**
 * What the segment of an application says of it is what a connector would hold it to.
 *
 * @throws {Fault} FORBIDDEN: a place or a port that no segment names, or networks of one's own, are looked at only for those who could add one. Asking what
 *   answers where is else a way to explore a network that nobody gave access to.
 */
async function targetOf(
  { store }: RestDeps,
  { host, port, networks }: { host: string; port: number; networks?: readonly string[] },
  role: Role,
): Promise<DiagnosisTarget> {
  const { segments } = await loadPolicy(store)
  const match = findSegment(segments, { host, port, protocol: 'tcp' })
  if ((match.is !== 'found' || networks !== undefined) && !may(role, 'configure')) {
    const why =
      match.is === 'found'
        ? `its segment says where ${host} is`
        : `no segment names ${host} with port ${port}`
    throw new Fault('FORBIDDEN', `${why}: the role ${role} may look only at applications as they are`, {
      seen: { role, needs: rolesWith('configure') },
    })
  }
  if (match.is === 'not-covered') return { host, port, networks: networks ?? [] }
  const { segment } = match
  return { host, port, networks: networks ?? meantNetworks(segment, host), ports: segment.tcp.slice(0, 64) }
}
