/**
 * What a person writes for each kind of object: the part of the resource that is theirs. Unknown keys are
 * refused everywhere. Names, ids, versions and times are added by the envelope in resources.ts.
 *
 * The chain, from a rule to a machine:
 * access-rule → segment (or segment-group) → server-group → connector-group ← connector
 *
 * @module
 */
import { z } from 'zod'
import { parsePorts } from '../policy/ports.ts'
import { isTimeZone } from '../policy/time-window.ts'
import {
  cidr,
  description,
  domain,
  factValue,
  hostOrAddress,
  ipAddress,
  portNumber,
  portRanges,
  reference,
  references,
} from './fields.ts'

/** false: it is treated as if it did not exist. */
const enabled = z.boolean().default(true)

/** Only App Connectors carry sessions to private applications. */
export const CONNECTOR_KINDS = ['app', 'branch', 'cloud'] as const
export type ConnectorKind = (typeof CONNECTOR_KINDS)[number]

/** Unit of availability and routing boundary: one per failure domain. */
export const connectorGroupSpec = z.strictObject({
  description,
  enabled,
  /** Where it stands, for people: "Frankfurt, rack 12". */
  location: z.string().max(256).default(''),
  /** The region it stands in, as edges name theirs: members of one group share it. */
  region: z.string().max(64).default(''),
  /** What its members are: App Connectors in front of private applications, or those of a branch or a cloud. */
  connectorKind: z.enum(CONNECTOR_KINDS).default('app'),
})

/** One application server, for server groups that list theirs: names then resolve to these addresses or not at all. */
export const serverSpec = z.strictObject({
  description,
  enabled,
  /** Where connectors reach it. */
  address: ipAddress,
})

/** Servers behind segments, and the connector groups that reach them. */
export const serverGroupSpec = z
  .strictObject({
    description,
    enabled,
    /** Whose members reach the servers. */
    connectorGroups: references.default([]),
    /** Take over while no member of the others can serve. */
    failoverConnectorGroups: references.default([]),
    /** true: servers are what DNS answers on the connector. false: only those that are listed. */
    dynamicDiscovery: z.boolean().default(true),
    /** Without `dynamicDiscovery`: names of the segment resolve to these or not at all. */
    servers: references.default([]),
  })
  .refine((group) => !group.dynamicDiscovery || group.servers.length === 0, {
    path: ['servers'],
    message: 'a server group discovers its servers or lists them, not both: set dynamicDiscovery to false',
  })
  .refine((group) => group.dynamicDiscovery || group.servers.length > 0, {
    path: ['servers'],
    message: 'without dynamicDiscovery at least one server must be listed',
  })

/** Probing every port of a wide range without end costs more than it tells. */
export const MAX_CONTINUOUS_PORTS = 10

/** The names, networks and ports of one application. Only what a segment declares is brokered. */
export const segmentSpec = z
  .strictObject({
    description,
    enabled,
    /** `wiki.example.com`, or `*.example.com` for every name below it. */
    domains: z
      .array(domain)
      .max(256)
      .default([])
      .overwrite((list) => [...new Set(list)]),
    /** Networks, or single addresses. */
    cidrs: z
      .array(cidr)
      .max(256)
      .default([])
      .overwrite((list) => [...new Set(list)]),
    /** `443`, `8000-8100`. */
    tcp: portRanges.default([]),
    /** As `tcp`. */
    udp: portRanges.default([]),
    /** When connectors check its applications: continuously, on use, or never. */
    health: z.enum(['continuous', 'onAccess', 'none']).default('onAccess'),
    /** Rules may be about all segments of it. */
    segmentGroup: reference.optional(),
    /** Through which its connectors are found. Without one it cannot be reached. */
    serverGroups: references.default([]),
    /** Networks the domains may resolve to. Empty: any but special ones, such as loopback and unique local. */
    addressCidrs: z.array(cidr).max(256).default([]),
  })
  .refine((segment) => segment.domains.length + segment.cidrs.length > 0, {
    path: ['domains'],
    message: 'a segment needs at least one domain or CIDR',
  })
  .refine((segment) => segment.tcp.length + segment.udp.length > 0, {
    path: ['tcp'],
    message: 'a segment needs at least one TCP or UDP port',
  })
  .refine((segment) => segment.health !== 'continuous' || portCount(segment) <= MAX_CONTINUOUS_PORTS, {
    path: ['health'],
    message: `continuous health checks are limited to ${MAX_CONTINUOUS_PORTS} ports: use onAccess, or list fewer`,
  })
  .refine((segment) => segment.health !== 'continuous' || !segment.domains.some((d) => d.startsWith('*')), {
    path: ['health'],
    message: 'a wildcard gives no server to check continuously: use onAccess, or list the names',
  })

function portCount(segment: { tcp: readonly string[]; udp: readonly string[] }): number {
  let count = 0
  for (const text of [...segment.tcp, ...segment.udp]) {
    const range = parsePorts(text)
    if (range !== undefined) count += range[1] - range[0] + 1
  }
  return count
}

/** Segments that policy treats alike. */
export const segmentGroupSpec = z.strictObject({ description, enabled })

/** A person who signs in. The password is written by its own field of the request and never returned. */
export const userSpec = z.strictObject({
  description,
  enabled,
  /** How people write it. */
  displayName: z.string().max(256).default(''),
  /** For people; nothing is sent there. */
  email: z.union([z.email().max(254), z.literal('')]).default(''),
  /** User groups. */
  groups: references.default([]),
})

export const userGroupSpec = z.strictObject({ description })

/** A fact about devices that rules may ask for; the name is what the client reports. */
export const postureFactSpec = z.strictObject({
  description,
  /** What it can be; fixed while a rule asks for it. */
  valueType: z.enum(['string', 'number', 'boolean']),
})

const clockTime = z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as 08:30')

/** All must hold; within a list any value does, but every posture fact must hold; one that is absent holds. */
export const conditions = z.strictObject({
  /** Any of these users. */
  users: references.optional(),
  /** A user in any of these groups. */
  userGroups: references.optional(),
  /** From any of these devices. */
  devices: references.optional(),
  /** Every fact has this value on the device. */
  posture: z
    .array(
      z.strictObject({
        /** A posture fact. */
        fact: reference,
        /** A value of its type. */
        equals: factValue,
      }),
    )
    .max(64)
    .optional(),
  /** From any of these kinds of client: `client` is the only one there is. */
  clientKinds: z.array(z.string().min(1).max(64)).max(16).optional(),
  /** About any of these segments. */
  segments: references.optional(),
  /** About segments of any of these groups. */
  segmentGroups: references.optional(),
  /** On these days, from one time of the day until another, in a time zone. */
  time: z
    .strictObject({
      /** Of the zone. */
      days: z.array(z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])).min(1),
      /** `08:30`. */
      from: clockTime,
      /** `24:00` for the end of the day; where it is not later than `from`, that of the next day. */
      to: z.union([clockTime, z.literal('24:00')]),
      /** IANA, as `Europe/Berlin`. */
      zone: z.string().max(64).refine(isTimeZone, 'expected an IANA time zone such as Europe/Berlin'),
    })
    .optional(),
})

/** One rule of the access policy. Rules are asked by `order`, equal ones by id; the first match decides. */
export const accessRuleSpec = z.strictObject({
  description,
  enabled,
  /** Lower ones are asked first. */
  order: z.number().int().min(0).max(1_000_000),
  /** Of the first rule whose conditions all hold. */
  action: z.enum(['allow', 'deny']),
  /** All must hold; without any, the rule covers every user and destination. */
  conditions: conditions.default({}),
})

/** Names that clients send straight to the internet, without a tunnel. A private segment as specific as it wins. */
export const internetRuleSpec = z.strictObject({
  description,
  enabled,
  /** `news.example.com`, or `*.example.com` for every name below it. */
  domains: z
    .array(domain)
    .min(1, 'an internet rule needs at least one domain')
    .max(256)
    .overwrite((list) => [...new Set(list)]),
  /** They go straight to the internet. */
  action: z.literal('bypass').default('bypass'),
})

/** A service edge: where agents bring their halves of a tunnel. */
export const edgeSpec = z.strictObject({
  description,
  enabled,
  /** Name or address that agents come to. */
  host: hostOrAddress,
  /** The port of it. */
  port: portNumber,
  /** Where it stands. Agents that are said to be in the same region should be at it. */
  region: z.string().max(64).default(''),
  /** Fixed addresses that agents connect to; none: they resolve the host. */
  addresses: z
    .array(ipAddress)
    .max(16)
    .default([])
    .overwrite((list) => [...new Set(list)]),
})

export type ConnectorGroupSpec = z.infer<typeof connectorGroupSpec>
export type ServerSpec = z.infer<typeof serverSpec>
export type ServerGroupSpec = z.infer<typeof serverGroupSpec>
export type SegmentSpec = z.infer<typeof segmentSpec>
export type SegmentGroupSpec = z.infer<typeof segmentGroupSpec>
export type UserSpec = z.infer<typeof userSpec>
export type UserGroupSpec = z.infer<typeof userGroupSpec>
export type PostureFactSpec = z.infer<typeof postureFactSpec>
export type AccessRuleSpec = z.infer<typeof accessRuleSpec>
export type InternetRuleSpec = z.infer<typeof internetRuleSpec>
export type EdgeSpec = z.infer<typeof edgeSpec>
