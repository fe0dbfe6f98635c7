/**
 * Everything lint looks at, as of one moment: what was declared, what has enrolled, and what is known of where it
 * stands. Gathered in one place so that the rules are pure.
 *
 * @module
 */
import { OBJECT_KIND_NAMES, type ObjectKind } from '../../api/kinds.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { KeyRecord } from '../../store/keys.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'

export interface LintConnector {
  readonly record: ConnectorRecord
  /** Address it is, or was last, seen from. */
  readonly address?: string
  /** While it is connected: what it measured to edges. */
  readonly edges?: Reachability
}

export type Declared = { readonly [K in ObjectKind]: readonly StoredObject<K>[] }

export interface LintFacts {
  readonly nowMs: number
  readonly declared: Declared
  readonly connectors: readonly LintConnector[]
  readonly keys: readonly KeyRecord[]
  /** When the certificates of edges that are processes of their own end, by id of the edge. */
  readonly edgesEndMs: ReadonlyMap<string, number>
  /** Devices that rules may name. */
  readonly devices: readonly {
    readonly id: string
    readonly name: string
    readonly userId: string
    readonly enabled: boolean
  }[]
}

/** What the part that holds the control connections knows of a connector. */
export type Whereabouts = (
  connector: string,
) => { readonly address: string; readonly edges?: Reachability } | undefined

const MAX_KEYS = 10_000

export async function gatherLintFacts(
  tx: Repositories,
  o: { readonly nowMs: number; readonly whereabouts: Whereabouts },
): Promise<LintFacts> {
  const declared: Partial<Record<ObjectKind, readonly StoredObject[]>> = {}
  for (const kind of OBJECT_KIND_NAMES) declared[kind] = await tx.objects.all(kind)
  const connectors = (await tx.connectors.all()).map((record): LintConnector => {
    const live = o.whereabouts(record.id)
    return { record, address: live?.address ?? record.lastAddress, edges: live?.edges }
  })
  const edgesEndMs = new Map<string, number>()
  for (const { id } of declared.edge ?? []) {
    const identity = await tx.edges.byId(id)
    if (identity !== undefined) edgesEndMs.set(id, identity.notAfterMs)
  }
  const keys = await tx.keys.list({ limit: MAX_KEYS })
  return {
    nowMs: o.nowMs,
    declared: declared as Declared,
    connectors,
    keys: keys.items,
    edgesEndMs,
    devices: await tx.devices.all(),
  }
}
