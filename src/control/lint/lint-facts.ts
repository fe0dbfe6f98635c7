/**
 * Everything lint looks at, as of one moment: what was declared, what has enrolled, and what is known of where it
 * stands. Gathered in one place so that the rules are pure.
 *
 * @module
 */
import { OBJECT_KIND_NAMES, type ObjectKind } from '../../api/kinds.ts'
import { nextTurn, partsOf, turnIsOver } from '../../base/slices.ts'
import type { Reachability } from '../../policy/edge-choice.ts'
import type { ConnectorRecord } from '../../store/connectors.ts'
import type { KeyRecord } from '../../store/keys.ts'
import type { StoredObject } from '../../store/objects.ts'
import type { Repositories } from '../../store/store.ts'
import { type KeptKind, latestObjects, readObjects } from '../base/kept-objects.ts'
import { type UnreadableObject, whyUnreadable } from '../base/policy-objects.ts'

export interface LintConnector {
  readonly record: ConnectorRecord
  /** Address it is, or was last, seen from. */
  readonly address?: string
  /** While it is connected: what it measured to edges. */
  readonly edges?: Reachability
  /** It says that it is at the end of what it can carry: what it measures is no distance. */
  readonly isOverloaded?: boolean
}

export type StoredByKind = { readonly [K in ObjectKind]: readonly StoredObject<K>[] }

export interface LintFacts {
  readonly nowMs: number
  /** Those that can be read. */
  readonly declared: StoredByKind
  readonly unreadable: readonly UnreadableObject[]
  readonly connectors: readonly ConnectorRecord[]
  /** Asked of connectors that are looked at: of five thousand those of a group or two. */
  readonly whereabouts: Whereabouts
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
) => { readonly address: string; readonly edges?: Reachability; readonly overload?: object } | undefined

const MAX_KEYS = 10_000

export interface GatherLintOptions {
  readonly nowMs: number
  readonly whereabouts: Whereabouts
  /**
   * What is said of one write does not rest on devices that no rule names, nor on where a connector that is away was
   * seen in the last minutes, nor, unless one was written, on keys: none of that is read.
   */
  readonly ofWrite?: { readonly ofKey: boolean }
}

/** What was read before is not read again. */
export async function gatherLintFacts(tx: Repositories, o: GatherLintOptions): Promise<LintFacts> {
  const objects = await readObjects(tx, latestObjects(tx))
  const declared: Partial<Record<ObjectKind, readonly StoredObject[]>> = {}
  const unreadable: UnreadableObject[] = []
  for (const kind of OBJECT_KIND_NAMES) {
    const read = await readableOf(objects.kinds[kind])
    declared[kind] = read.objects
    unreadable.push(...read.unreadable)
  }
  // When and from where a connector was seen last is no change that is told of.
  const connectors = o.ofWrite ? objects.connectors : await tx.connectors.all()
  const edgesEndMs = new Map<string, number>()
  for (const { id } of declared.edge ?? []) {
    const identity = await tx.edges.byId(id)
    if (identity !== undefined) edgesEndMs.set(id, identity.notAfterMs)
  }
  return {
    nowMs: o.nowMs,
    declared: declared as StoredByKind,
    unreadable,
    connectors,
    whereabouts: o.whereabouts,
    keys: o.ofWrite?.ofKey === false ? [] : (await tx.keys.list({ limit: MAX_KEYS })).items,
    edgesEndMs,
    devices: o.ofWrite ? await tx.devices.named(devicesIn(declared as StoredByKind)) : await tx.devices.all(),
  }
}

export function standing(record: ConnectorRecord, { whereabouts }: LintFacts): LintConnector {
  const live = whereabouts(record.id)
  const isOverloaded = live?.overload !== undefined
  return { record, address: live?.address ?? record.lastAddress, edges: live?.edges, isOverloaded }
}

function devicesIn(declared: StoredByKind): string[] {
  const ids = new Set<string>()
  for (const { spec } of declared['access-rule']) for (const id of spec.conditions.devices ?? []) ids.add(id)
  return [...ids]
}

interface Readable {
  readonly objects: readonly StoredObject[]
  readonly unreadable: readonly UnreadableObject[]
}

/** Looked through once, for as long as none of the kind has changed. */
async function readableOf(kind: KeptKind): Promise<Readable> {
  const known = READABLE.get(kind)
  if (known !== undefined) return known
  const objects: StoredObject[] = []
  const unreadable: UnreadableObject[] = []
  for (const part of partsOf(kind.objects)) {
    for (const stored of part) {
      const why = kind.noJson.get(stored.id) ?? whyUnreadable(stored)
      if (why === undefined) objects.push(stored)
      else unreadable.push({ kind: stored.kind, id: stored.id, name: stored.name, why })
    }
    if (turnIsOver()) await nextTurn()
  }
  READABLE.set(kind, { objects, unreadable })
  return { objects, unreadable }
}

const READABLE = new WeakMap<KeptKind, Readable>()
