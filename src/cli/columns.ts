import type { Kind } from '../api/kinds.ts'
import { skewText } from '../base/clock-skew.ts'
import { hostPort } from '../base/host-port.ts'
import { keyRefusalText } from './key-refusal.ts'
import type { ResourceRow } from './resource-row.ts'
import { bytesText, milliseconds } from './session-line.ts'
import { inLine, stateText } from './terminal.ts'

type Column = readonly [head: string, cell: (row: ResourceRow) => unknown]

const name: Column = ['NAME', (row) => row.name]
const enabled: Column = ['ENABLED', (row) => (row.enabled === false ? 'no' : 'yes')]
const description: Column = ['DESCRIPTION', (row) => row.description]
const state: Column = ['STATE', (row) => stateText(row.state)]
const at = ({ host, port }: ResourceRow) => (host === undefined ? undefined : hostPort({ host, port }))
const list = (values: unknown) => (Array.isArray(values) && values.length > 0 ? values.join(',') : undefined)
const named = (row: ResourceRow, id: string | undefined) =>
  id === undefined ? undefined : (row.names?.[id] ?? id)
const namedList = (row: ResourceRow, ids: string[] | undefined) => list(ids?.map((id) => named(row, id)))

/** Why a connector or device is not simply well: that it is away, its clock, applications, and what it says of itself. */
function whyNot({ away, clockSkewMs: offMs, live = {} }: ResourceRow): string[] {
  const { overload, leak, notes = [], failing = [], clockSkewMs = offMs } = live
  const own = [overload, leak, ...notes].filter((one) => one !== undefined)
  const skew = clockSkewMs === undefined ? undefined : skewText(-clockSkewMs)
  return [
    ...(away === undefined ? [] : [away.code === undefined ? away.because : `${away.code}: ${away.because}`]),
    ...(skew === undefined ? [] : [`CLOCK_SKEW: ${skew}`]),
    ...failing.map((one: ResourceRow) => `${at(one)} ${one.code}`),
    ...new Set(own.map(({ code }) => code)),
  ]
}

/** `FD_EXHAUSTED: 960 are taken: …` */
function noteText({ notes = [] }: ResourceRow): string {
  return notes.map(({ code, detail }: ResourceRow) => `${code}: ${detail}`).join('; ')
}

const COLUMNS: { readonly [K in Kind]: readonly Column[] } = {
  'connector-group': [
    name,
    enabled,
    ['KIND', (row) => row.connectorKind],
    ['REGION', (row) => row.region],
    ['LOCATION', (row) => row.location],
    description,
  ],
  server: [name, enabled, ['ADDRESS', (row) => row.address], description],
  'server-group': [
    name,
    enabled,
    ['CONNECTOR GROUPS', (row) => namedList(row, row.connectorGroups)],
    ['SERVERS', (row) => (row.dynamicDiscovery ? 'discovered' : namedList(row, row.servers))],
  ],
  'segment-group': [name, enabled, description],
  segment: [
    name,
    enabled,
    ['HEALTH', (row) => stateText(row.state)],
    ['DESTINATIONS', (row) => list([...(row.domains ?? []), ...(row.cidrs ?? [])])],
    ['TCP', (row) => list(row.tcp)],
    ['UDP', (row) => list(row.udp)],
    ['SERVER GROUPS', (row) => namedList(row, row.serverGroups)],
  ],
  'user-group': [name, description],
  user: [name, enabled, ['GROUPS', (row) => namedList(row, row.groups)], ['EMAIL', (row) => row.email]],
  'posture-fact': [name, ['TYPE', (row) => row.valueType], description],
  'access-rule': [
    ['ORDER', (row) => row.order],
    name,
    enabled,
    ['ACTION', (row) => row.action],
    ['CONDITIONS', (row) => list(Object.keys(row.conditions ?? {}))],
  ],
  'internet-rule': [name, enabled, ['ACTION', (row) => row.action], ['DOMAINS', (row) => list(row.domains)]],
  edge: [name, state, ['BECAUSE', noteText], ['ADDRESS', (row) => at(row)], ['REGION', (row) => row.region]],
  'provisioning-key': [
    name,
    state,
    ['FOR', (row) => (row.edge === undefined ? named(row, row.group) : `edge ${named(row, row.edge)}`)],
    ['USES', (row) => `${row.uses}/${row.maxUses}`],
    ['EXPIRES', (row) => row.expiresAt],
    ['REFUSED', keyRefusalText],
  ],
  connector: [
    name,
    state,
    ['BECAUSE', (row) => whyNot(row).join('; ')],
    ['GROUP', (row) => named(row, row.group)],
    ['VERSION', (row) => row.host?.program],
    ['SESSIONS', (row) => row.live?.sessions],
    ['CERTIFICATE ENDS', (row) => row.certificateEndsAt],
    ['ID', (row) => row.id],
  ],
  'client-device': [
    name,
    state,
    ['BECAUSE', (row) => whyNot(row).join('; ')],
    ['USER', (row) => named(row, row.user)],
    ['VERSION', (row) => row.host?.program],
    ['SIGNED IN UNTIL', (row) => row.signIn?.endsAt],
    ['ID', (row) => row.id],
  ],
  token: [
    name,
    ['ROLE', (row) => row.role],
    ['EXPIRES', (row) => row.expiresAt ?? 'never'],
    ['LAST USED', (row) => row.lastUsedAt],
  ],
  session: [
    ['STARTED', (row) => row.startedAt],
    ['USER', (row) => row.names?.user ?? row.user],
    ['DESTINATION', (row) => at(row)],
    ['CONNECTOR', (row) => row.names?.connector ?? row.connector],
    ['WAITED', (row) => (row.times?.totalUs === undefined ? undefined : milliseconds(row.times.totalUs))],
    ['UP', (row) => bytesText(row.bytesUp)],
    ['DOWN', (row) => bytesText(row.bytesDown)],
    ['END', (row) => stateText(row.state === 'open' ? 'open' : (row.closeReason ?? 'closed'))],
    ['TRACE', (row) => (row.canary ? 'yes' : undefined)],
    ['ID', (row) => row.id],
  ],
  denial: [
    ['AT', (row) => row.at],
    ['USER', (row) => named(row, row.user)],
    ['DEVICE', (row) => named(row, row.device)],
    ['DESTINATION', (row) => at(row)],
    ['CODE', (row) => stateText(row.code)],
    ['ID', (row) => row.id],
  ],
  audit: [
    ['SEQ', (row) => row.seq],
    ['AT', (row) => row.at],
    ['ACTOR', (row) => row.actor],
    ['ACTION', (row) => row.action],
    ['OBJECT', (row) => row.object],
  ],
}

export const HEADS = Object.fromEntries(
  Object.entries(COLUMNS).map(([kind, columns]) => [kind, columns.map(([head]) => head)]),
) as Record<Kind, string[]>

export function cellsOf(kind: Kind, row: ResourceRow): string[] {
  return COLUMNS[kind].map(([, cell]) => {
    const value = cell(row)
    return value === undefined || value === null || value === '' ? '-' : cut(inLine(String(value)))
  })
}

/** Of a table that nobody can read any more: `describe` shows all of it. */
const MAX_CELL_CHARS = 200

function cut(text: string): string {
  return text.length <= MAX_CELL_CHARS ? text : `${text.slice(0, MAX_CELL_CHARS - 1)}…`
}
