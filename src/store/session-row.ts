/**
 * A session record as one row: what the columns hold is not said again, and of two sides that say the same one does.
 * Several fit on a page of the database.
 *
 * @module
 */
import type { SessionReport } from '../wire/control.ts'
import { type KnownSession, recordOf, type SessionNames } from './session-record.ts'
import type { Tables } from './tables.ts'

export type SessionRow = Tables['session']
type RowFields = Readonly<Record<string, unknown>>

/** The column `record`: each part without what stands before it; null where it has nothing of what does. */
interface RecordColumn {
  readonly p: SessionReport['protocol']
  /** The grant. */
  readonly g?: string
  /** Names. */
  readonly f?: RowFields
  readonly c?: RowFields
  readonly k?: RowFields
  readonly v?: KnownSession['vanished']
}

export function sessionRowOf(known: KnownSession, revision: number): SessionRow {
  const record = recordOf(known)
  const { facts, client, connector, vanished } = known
  const row = {
    id: record.id,
    state: record.state,
    startedMs: record.startedMs,
    endedMs: record.endedMs ?? null,
    userId: facts.user ?? null,
    deviceId: facts.device ?? null,
    connectorId: facts.connector ?? null,
    edgeId: record.edge ?? null,
    segmentId: facts.segment ?? null,
    ruleId: facts.rule ?? null,
    host: record.host,
    port: record.port,
    closeReason: record.closeReason ?? null,
    clientOnly: connector === undefined ? (1 as const) : (0 as const),
    continuedAs: record.continuedAs ?? null,
  }
  const base = saidByRow(row, record.protocol, facts.grant)
  const kept: RecordColumn = {
    p: record.protocol,
    g: facts.grant,
    f: pick(facts, NAMES),
    ...(client && { c: less(client, base) }),
    ...(connector && { k: less(connector, { ...base, ...pick(client ?? {}, SAID) }) }),
    ...(vanished && { v: vanished }),
  }
  return { ...row, record: JSON.stringify(kept), revision }
}

export function knownSessionOf(row: SessionRow): KnownSession {
  const kept = JSON.parse(row.record) as RecordColumn | { readonly sides: unknown }
  if ('sides' in kept) return knownSessionOf({ ...row, record: JSON.stringify(keptOfRecord(kept)) })
  const base = saidByRow(row, kept.p, kept.g)
  const side = (fields: RowFields | undefined, under: RowFields, name: SessionReport['side']) =>
    fields &&
    ({ ...pick({ ...under, ...fields }, SAID), session: row.id, side: name } as unknown as SessionReport)
  const client = side(kept.c, base, 'client')
  return {
    id: row.id,
    facts: {
      ...pick(factsOfRow(row), FACTS),
      ...(kept.g && { grant: kept.g }),
      ...pick(kept.f ?? {}, NAMES),
    },
    client,
    connector: side(kept.k, { ...base, ...client }, 'connector'),
    vanished: kept.v,
  }
}

/** As rows were written at first: the whole record. */
function keptOfRecord(record: RowFields): RecordColumn {
  const { client, connector } = record.sides as { client?: RowFields; connector?: RowFields }
  return { p: record.protocol as RecordColumn['p'], f: record, c: client, k: connector }
}

const FACTS = ['user', 'device', 'connector', 'segment', 'rule', 'host'] as const
const NAMES = [
  ...(['userName', 'deviceName', 'segmentName', 'ruleName', 'connectorName'] as const),
  ...(['edgeName', 'edgeBecause', 'canary'] as const),
] as const satisfies readonly (keyof SessionNames)[]
/** What an end says: rows from before hold more of it. */
const SAID = [
  ...([
    'grant',
    'state',
    'run',
    'pipe',
    'edge',
    'protocol',
    'port',
    'address',
    'startedMs',
    'endedMs',
  ] as const),
  ...(['times', 'bytesUp', 'bytesDown', 'closeReason', 'closeHop', 'closeDetail', 'continuedAs'] as const),
] as const satisfies readonly (keyof SessionReport)[]

function factsOfRow({ userId, deviceId, connectorId, segmentId, ruleId, host }: SessionRow): RowFields {
  return { user: userId, device: deviceId, connector: connectorId, segment: segmentId, rule: ruleId, host }
}

/** What the columns say, in the words of reports. */
function saidByRow(
  { state, startedMs, endedMs, port, edgeId, closeReason }: Omit<SessionRow, 'record' | 'revision'>,
  protocol: SessionReport['protocol'],
  grant: string | undefined,
): RowFields {
  return pick({ grant, state, startedMs, endedMs, protocol, port, edge: edgeId, closeReason }, SAID)
}

/** Of `fields` what `under` does not say, and null for what it says and they do not. */
function less(fields: object, under: RowFields): RowFields {
  const rest: Record<string, unknown> = {}
  for (const key of SAID) {
    const value = (fields as RowFields)[key]
    if (value !== undefined) {
      if (!same(under[key], value)) rest[key] = value
    } else if (under[key] !== undefined) rest[key] = null
  }
  return rest
}

/** Those of them that are there. */
function pick(fields: object, keys: readonly string[]): RowFields {
  const found: Record<string, unknown> = {}
  for (const key of keys) {
    const value = (fields as RowFields)[key]
    if (value !== undefined && value !== null) found[key] = value
  }
  return found
}

/** Times are an object of numbers. */
function same(one: unknown, other: unknown): boolean {
  return one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other))
}
