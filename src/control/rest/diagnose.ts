import type { z } from 'zod'
import { diagnoseInput, diagnoseLine } from '../../api/diagnosis.ts'
import { hostPort } from '../../base/host-port.ts'
import { meantNetworks } from '../../policy/meant-networks.ts'
import type { DiagnosisTarget } from '../../wire/control.ts'
import { demand } from './auth.ts'
import type { ApiCaller, RestDeps } from './deps.ts'
import type { RestApp } from './describe-operation.ts'
import { examinationLines } from './examination-lines.ts'
import { byId, JSON_LINES, operation } from './route.ts'
import { stillKnocks } from './still-knocks.ts'
import { record } from './write.ts'

const TAG = 'connectors'
const PATH = '/api/v1/connectors/{id}'
/** What connectors say of themselves when they are asked. */
export function diagnoseRoutes(app: RestApp, deps: RestDeps): void {
  const { store, presence, shares } = deps

  operation(
    app,
    {
      tag: TAG,
      path: `${PATH}/diagnose`,
      params: byId,
      method: 'post',
      id: 'diagnoseConnector',
      summary: 'Ask a connected connector to examine itself; streams JSON lines, the report last',
      needs: 'operate',
      body: diagnoseInput,
      gives: { status: 200, schema: diagnoseLine, type: JSON_LINES },
    },
    async (c, { params, body }) => {
      const connector = await store.connectors.get(params.id).catch(stillKnocks(presence))
      const target = body.app && (await targetOf(deps, body.app, c.get('caller')))
      const looked = target === undefined ? {} : { app: hostPort(target) }
      await record(c, deps, {
        action: 'connector.diagnose',
        object: `connector ${connector.id}`,
        detail: { name: connector.name, ...looked },
      })
      const shared = { share: shares.longAnswers, by: c.get('caller').tokenId }
      const lines = await examinationLines(shared, (o) => presence.diagnose(connector.id, target, o))
      return new Response(lines, { headers: { 'content-type': JSON_LINES, 'cache-control': 'no-store' } })
    },
  )
}

type AskedApp = NonNullable<z.output<typeof diagnoseInput>['app']>

/**
 * What the segment of an application says of it is what a connector would hold it to.
 *
 * @throws {Fault} FORBIDDEN: a place or a port that no segment names, or networks of one's own, are looked at only for those who could add one. Asking what
 *   answers where is else a way to explore a network that nobody gave access to.
 */
async function targetOf(
  { policy }: RestDeps,
  { host, port, networks, ...asked }: AskedApp,
  caller: ApiCaller,
): Promise<DiagnosisTarget> {
  const { destinations } = await policy()
  const find = (protocol: 'tcp' | 'udp') => destinations.find({ host, port, protocol })
  const isUdpOnly = () => find('tcp').is !== 'found' && find('udp').is === 'found'
  const protocol = asked.protocol ?? (isUdpOnly() ? 'udp' : 'tcp')
  const match = find(protocol)
  if (match.is !== 'found')
    demand(caller, 'configure', `no segment covers ${host} with port ${port}: checking it`)
  else if (networks !== undefined)
    demand(caller, 'configure', `its segment already says where ${host} is: checking another address`)
  const at = { host, port, ...(protocol === 'udp' && { protocol }) }
  if (match.is === 'not-covered') return { ...at, networks: networks ?? [] }
  const { segment } = match
  return { ...at, networks: networks ?? meantNetworks(segment, host), ports: segment[protocol].slice(0, 64) }
}
