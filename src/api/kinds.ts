/**
 * The one list of kinds: what each is called in the API, in files and on the command line, what it refers to,
 * and whether it changes who may reach what.
 *
 * @module
 */
import type { z } from 'zod'
import type { IdPrefix } from '../base/ids.ts'
import {
  type AccessRuleSpec,
  accessRuleSpec,
  type ConnectorGroupSpec,
  connectorGroupSpec,
  type EdgeSpec,
  edgeSpec,
  type InternetRuleSpec,
  internetRuleSpec,
  type PostureFactSpec,
  postureFactSpec,
  type SegmentGroupSpec,
  type SegmentSpec,
  type ServerGroupSpec,
  type ServerSpec,
  segmentGroupSpec,
  segmentSpec,
  serverGroupSpec,
  serverSpec,
  type UserGroupSpec,
  type UserSpec,
  userGroupSpec,
  userSpec,
} from './specs.ts'

/** Name of the edge next to the control plane: the server makes it, enrols it, and keeps it. */
export const HOME_EDGE = 'embedded'

/** Kinds that a person declares: kept as documents, changed by REST and by `apply`. */
export interface ObjectSpecs {
  'connector-group': ConnectorGroupSpec
  server: ServerSpec
  'server-group': ServerGroupSpec
  'segment-group': SegmentGroupSpec
  segment: SegmentSpec
  'user-group': UserGroupSpec
  user: UserSpec
  'posture-fact': PostureFactSpec
  'access-rule': AccessRuleSpec
  'internet-rule': InternetRuleSpec
  edge: EdgeSpec
}
export type ObjectKind = keyof ObjectSpecs

/** Kinds that come into being by what machines and people do. */
export type RecordKind =
  | 'provisioning-key'
  | 'connector'
  | 'client-device'
  | 'token'
  | 'session'
  | 'denial'
  | 'audit'
export type Kind = ObjectKind | RecordKind

interface KindNames {
  /** Path in the API and plural on the command line. */
  readonly plural: string
  /** Other words for it on the command line. */
  readonly aliases: readonly string[]
  /** For people. */
  readonly title: string
}

export interface ObjectKindRow<K extends ObjectKind = ObjectKind> extends KindNames {
  readonly prefix: IdPrefix
  readonly spec: z.ZodObject & z.ZodType<ObjectSpecs[K]>
  /** Where the spec names other objects: a dotted path to a reference or list of them; `[]` walks a list. */
  readonly references: Readonly<Record<string, Kind>>
  /** A write may change a decision or a running session: agents are told. */
  readonly policy: boolean
}

/** In the order in which they can be created: what is referred to comes first. */
export const OBJECT_KINDS: { readonly [K in ObjectKind]: ObjectKindRow<K> } = {
  'connector-group': {
    plural: 'connector-groups',
    aliases: ['cg', 'group', 'groups'],
    title: 'connector group',
    prefix: 'grp',
    spec: connectorGroupSpec,
    references: {},
    policy: true,
  },
  server: {
    plural: 'servers',
    aliases: ['srv'],
    title: 'server',
    prefix: 'srv',
    spec: serverSpec,
    references: {},
    policy: true,
  },
  'server-group': {
    plural: 'server-groups',
    aliases: ['sg'],
    title: 'server group',
    prefix: 'sgr',
    spec: serverGroupSpec,
    references: {
      connectorGroups: 'connector-group',
      failoverConnectorGroups: 'connector-group',
      servers: 'server',
    },
    policy: true,
  },
  'segment-group': {
    plural: 'segment-groups',
    aliases: ['segg'],
    title: 'segment group',
    prefix: 'sgg',
    spec: segmentGroupSpec,
    references: {},
    policy: true,
  },
  segment: {
    plural: 'segments',
    aliases: ['seg', 'application-segment', 'application-segments'],
    title: 'application segment',
    prefix: 'seg',
    spec: segmentSpec,
    references: { segmentGroup: 'segment-group', serverGroups: 'server-group' },
    policy: true,
  },
  'user-group': {
    plural: 'user-groups',
    aliases: ['ug'],
    title: 'user group',
    prefix: 'ugr',
    spec: userGroupSpec,
    references: {},
    policy: true,
  },
  user: {
    plural: 'users',
    aliases: ['usr'],
    title: 'user',
    prefix: 'usr',
    spec: userSpec,
    references: { groups: 'user-group' },
    policy: true,
  },
  'posture-fact': {
    plural: 'posture-facts',
    aliases: ['fact', 'facts', 'posture'],
    title: 'posture fact',
    prefix: 'obj',
    spec: postureFactSpec,
    references: {},
    policy: true,
  },
  'access-rule': {
    plural: 'access-rules',
    aliases: ['rule', 'rules'],
    title: 'access rule',
    prefix: 'rul',
    spec: accessRuleSpec,
    references: {
      'conditions.users': 'user',
      'conditions.userGroups': 'user-group',
      'conditions.devices': 'client-device',
      'conditions.posture[].fact': 'posture-fact',
      'conditions.segments': 'segment',
      'conditions.segmentGroups': 'segment-group',
    },
    policy: true,
  },
  'internet-rule': {
    plural: 'internet-rules',
    aliases: ['ir', 'bypass'],
    title: 'internet rule',
    prefix: 'obj',
    spec: internetRuleSpec,
    references: {},
    policy: true,
  },
  edge: {
    plural: 'edges',
    aliases: [],
    title: 'service edge',
    prefix: 'edg',
    spec: edgeSpec,
    references: {},
    policy: false,
  },
}

export const RECORD_KINDS: { readonly [K in RecordKind]: KindNames } = {
  'provisioning-key': { plural: 'provisioning-keys', aliases: ['key', 'keys'], title: 'provisioning key' },
  connector: { plural: 'connectors', aliases: ['con'], title: 'connector' },
  'client-device': {
    plural: 'client-devices',
    aliases: ['device', 'devices', 'dev'],
    title: 'client device',
  },
  token: { plural: 'tokens', aliases: ['tok'], title: 'API token' },
  session: { plural: 'sessions', aliases: ['ses'], title: 'session' },
  denial: { plural: 'denials', aliases: ['den'], title: 'denial' },
  audit: { plural: 'audit', aliases: [], title: 'audit record' },
}

export const OBJECT_KIND_NAMES = Object.keys(OBJECT_KINDS) as ObjectKind[]
export const KIND_NAMES: readonly Kind[] = [
  ...OBJECT_KIND_NAMES,
  ...(Object.keys(RECORD_KINDS) as RecordKind[]),
]

export function isObjectKind(kind: string): kind is ObjectKind {
  return Object.hasOwn(OBJECT_KINDS, kind)
}

export function called(kind: Kind): KindNames {
  return isObjectKind(kind) ? OBJECT_KINDS[kind] : RECORD_KINDS[kind as RecordKind]
}

/** The kind meant by a word on the command line or in a file: singular, plural or alias. */
export function findKind(word: string): Kind | undefined {
  const text = word.toLowerCase()
  return KIND_NAMES.find((kind) => {
    const row = called(kind)
    return kind === text || row.plural === text || row.aliases.includes(text)
  })
}
