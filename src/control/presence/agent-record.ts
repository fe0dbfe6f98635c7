import { HOME_EDGE } from '../../api/kinds.ts'
import type { Identity } from '../../pki/identity.ts'
import type { HeldCertificate } from '../../store/agent-fields.ts'
import type { DeviceRecord } from '../../store/device-record.ts'
import type { Repositories } from '../../store/store.ts'

/** What the store holds of an agent, whatever its role. */
export interface AgentRecord extends HeldCertificate {
  readonly name: string
  readonly enabled: boolean
  /** SHA-256 of the public key, hex. */
  readonly publicKeyHash: string
  readonly lastAddress?: string
  /** Of a client: whose device it is. */
  readonly userId?: string
  /** Of a client: what its certificates rest on, unless that was ended. */
  readonly signIn?: DeviceRecord['signIn']
  /** Names and addresses that its certificate is for: of an edge. */
  readonly names?: string[]
}

type AgentReader = Pick<Repositories, 'connectors' | 'devices' | 'edges' | 'objects'>

/** @returns undefined for an identity that was deleted, or never was. */
export async function agentRecord(
  store: AgentReader,
  { role, id }: Identity,
): Promise<AgentRecord | undefined> {
  if (role === 'connector') return store.connectors.byId(id)
  if (role === 'client') return store.devices.byId(id)
  const [held, edge] = await Promise.all([store.edges.byId(id), store.objects.find('edge', id)])
  if (held === undefined || edge === undefined) return undefined
  const { enabled, host, addresses } = edge.spec
  const { name } = edge
  return { ...held, name, enabled: enabled || name === HOME_EDGE, names: agentNamesOf({ host, addresses }) }
}

export function agentNamesOf(edge: { host: string; addresses?: readonly string[] }): string[] {
  return [...new Set([edge.host, ...(edge.addresses ?? [])])]
}

/** A certificate that was renewed is the current one from its first use on. */
export async function holdCertificate(
  tx: Pick<Repositories, 'connectors' | 'devices' | 'edges'>,
  { role, id }: Identity,
  held: HeldCertificate,
): Promise<void> {
  if (role === 'edge') await tx.edges.hold(id, held)
  else await (role === 'connector' ? tx.connectors : tx.devices).update(id, held)
}
