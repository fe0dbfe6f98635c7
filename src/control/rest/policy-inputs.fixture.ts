/**
 * Every input of a yes: what policy, selection, enrolment and the choice of an edge read, who brings it about, and what
 * that takes. policy-inputs.test.ts holds it to what is read, and the API to it.
 *
 * @module
 */
import { clientDevicePatch } from '../../api/client-devices.ts'
import { connectorPatch } from '../../api/connectors.ts'
import { provisioningKeyInput, provisioningKeyPatch } from '../../api/keys.ts'
import type { EdgeCandidate } from '../../policy/edge-choice.ts'
import type { AccessRequest, Conditions } from '../../policy/rule.ts'
import type { Candidate } from '../../policy/select.ts'
import type { KeyRecord } from '../../store/keys.ts'
import type { AuthorizeQuestion } from '../access/authorize.ts'
import type { PolicySnapshot } from '../base/snapshot.ts'

type PolicyInput =
  /** Written by operations that need `configure`, and by no others. */
  | 'configure'
  /** Written as `configure`, but for the one value that takes away, which `operate` may write. */
  | 'configure, operate takes away'
  /** Settled when it enrols, signs in or renews, by a key, a password or a certificate. */
  | 'identity'
  /** What an agent says of itself, and what follows from a lie. */
  | { readonly claimOf: 'client' | 'connector' | 'edge' | 'client and connector'; readonly gains: string }
  /** Of the control plane itself: its clock, its counters. */
  | 'control'

/** Columns and fields of stored records that are read on the way to a yes. */
export const STORED: Readonly<Record<string, PolicyInput>> = {
  'connector-group.enabled': 'configure',
  'connector-group.connectorKind': 'configure',
  'server.enabled': 'configure',
  'server.address': 'configure',
  'server-group.enabled': 'configure',
  'server-group.connectorGroups': 'configure',
  'server-group.failoverConnectorGroups': 'configure',
  'server-group.dynamicDiscovery': 'configure',
  'server-group.servers': 'configure',
  'segment-group.enabled': 'configure',
  'segment.enabled': 'configure',
  'segment.domains': 'configure',
  'segment.cidrs': 'configure',
  'segment.addressCidrs': 'configure',
  'segment.tcp': 'configure',
  'segment.udp': 'configure',
  'segment.serverGroups': 'configure',
  'segment.segmentGroup': 'configure',
  'segment.health': 'configure',
  'access-rule.enabled': 'configure',
  'access-rule.order': 'configure',
  'access-rule.action': 'configure',
  'access-rule.conditions': 'configure',
  'user.enabled': 'configure',
  'user.groups': 'configure',
  'internet-rule.enabled': 'configure',
  'internet-rule.domains': 'configure',
  'edge.enabled': 'configure',
  'edge.host': 'configure',
  'edge.port': 'configure',
  'edge.region': 'configure',
  'edge.addresses': 'configure',
  'edge-identity.publicKeyHash': 'identity',
  'connector.id': 'identity',
  'connector.name': 'configure',
  'connector.enabled': 'configure, operate takes away',
  'connector.groupId': 'configure',
  'device.id': 'identity',
  'device.userId': 'identity',
  'device.signIn': 'identity',
  'device.enabled': 'configure, operate takes away',
  // Reported facts, over which assigned ones win: those take `configure`.
  'device.posture': 'configure',
}

export const ASKED: Readonly<Record<keyof AuthorizeQuestion, PolicyInput>> = {
  user: 'identity',
  device: 'identity',
  posture: { claimOf: 'client', gains: 'a rule that asks for a fact that nobody has assigned to the device' },
  clientKind: 'control',
  host: { claimOf: 'client', gains: 'nothing: it is what is asked about, and what the grant is for' },
  port: { claimOf: 'client', gains: 'nothing: as host' },
  protocol: { claimOf: 'client', gains: 'nothing: as host' },
  nowMs: 'control',
}

export const REQUEST: Readonly<Record<keyof AccessRequest, PolicyInput>> = {
  user: 'configure',
  device: ASKED.posture,
  clientKind: 'control',
  segment: 'configure',
  nowMs: 'control',
}

export const CONDITIONS: Readonly<Record<keyof Conditions, PolicyInput>> = {
  users: 'configure',
  userGroups: 'configure',
  devices: 'configure',
  posture: 'configure',
  clientKinds: 'configure',
  segments: 'configure',
  segmentGroups: 'configure',
  time: 'configure',
}

const SHARE = 'a larger or lesser share of the sessions of the groups that configuration put it in'

export const CANDIDATE: Readonly<Record<keyof Candidate, PolicyInput>> = {
  id: 'identity',
  name: 'configure',
  group: 'configure',
  failover: 'configure',
  state: { claimOf: 'connector', gains: SHARE },
  left: 'control',
  sessions: { claimOf: 'connector', gains: SHARE },
  given: 'control',
  load: { claimOf: 'connector', gains: SHARE },
  overloaded: { claimOf: 'connector', gains: SHARE },
  rttUs: { claimOf: 'client and connector', gains: SHARE },
  unreachable: { claimOf: 'connector', gains: SHARE },
  ailing: { claimOf: 'connector', gains: SHARE },
}

export const EDGE_CANDIDATE: Readonly<Record<keyof EdgeCandidate, PolicyInput>> = {
  id: 'configure',
  name: 'configure',
  out: { claimOf: 'edge', gains: 'pipes, whose bytes it cannot read, or none' },
}

export const SNAPSHOT: Readonly<Record<keyof PolicySnapshot, PolicyInput>> = {
  version: 'control',
  segments: 'configure',
  destinations: 'configure',
  rules: 'configure',
  internetRules: 'configure',
  users: 'configure',
  unreadable: 'configure',
  connectorGroupsOf: 'configure',
  failoverGroupsOf: 'configure',
  segmentsBehind: 'configure',
  wrongKinds: 'configure',
  members: 'configure, operate takes away',
  connector: 'configure, operate takes away',
}

export const KEY: Readonly<Record<keyof KeyRecord, PolicyInput>> = {
  id: 'control',
  name: 'configure',
  groupId: 'configure',
  edgeId: 'configure',
  uses: 'identity',
  maxUses: 'configure',
  expiresMs: 'configure',
  revoked: 'configure, operate takes away',
  version: 'control',
  createdMs: 'control',
  updatedMs: 'control',
}

/** What PATCH and POST of records can write: for each field what it writes, and values that add. */
export const WRITES: Readonly<
  Record<string, readonly { input: PolicyInput; path: string; method?: 'POST'; body: object }[]>
> = {
  'connector.name': [{ input: CANDIDATE.name, path: 'connectors/one', body: { name: 'other' } }],
  'connector.enabled': [
    { input: STORED['connector.enabled']!, path: 'connectors/two', body: { enabled: true } },
  ],
  'connector.group': [{ input: CANDIDATE.group, path: 'connectors/one', body: { group: 'dc2' } }],
  // A rule that is applied again means whatever device has the name then.
  'device.name': [{ input: CONDITIONS.devices, path: 'client-devices/laptop', body: { name: 'other' } }],
  'device.enabled': [
    { input: STORED['device.enabled']!, path: 'client-devices/stolen', body: { enabled: true } },
  ],
  'device.assignedPosture': [
    {
      input: STORED['device.posture']!,
      path: 'client-devices/byod',
      body: { assignedPosture: { managed: true } },
    },
    { input: STORED['device.posture']!, path: 'client-devices/byod', body: { assignedPosture: {} } },
  ],
  'key.name': [
    { input: KEY.name, method: 'POST', path: 'provisioning-keys', body: { name: 'k1', group: 'dc1' } },
  ],
  'key.group': [
    { input: KEY.groupId, method: 'POST', path: 'provisioning-keys', body: { name: 'k2', group: 'dc2' } },
  ],
  'key.edge': [
    { input: KEY.edgeId, method: 'POST', path: 'provisioning-keys', body: { name: 'k3', edge: 'fra' } },
  ],
  'key.maxUses': [{ input: KEY.maxUses, path: 'provisioning-keys/usable', body: { maxUses: 9 } }],
  'key.expiresAt': [
    { input: KEY.expiresMs, path: 'provisioning-keys/ended', body: { expiresAt: '2100-01-01T00:00:00Z' } },
  ],
  'key.revoked': [{ input: KEY.revoked, path: 'provisioning-keys/revoked', body: { revoked: false } }],
}

export const WRITABLE = {
  connector: connectorPatch.shape,
  device: clientDevicePatch.shape,
  key: { ...provisioningKeyInput.shape, ...provisioningKeyPatch.shape },
}
