/** Configurations, each doubtful in one way, with what lint is to find in it. */
export const DAY_MS = 86_400_000

/** A configuration in which nothing is doubtful. */
export const SOUND = `
kind: connector-group
name: dc1
---
kind: server-group
name: web
connectorGroups: [dc1]
---
kind: segment-group
name: office
---
kind: segment
name: wiki
domains: [wiki.example]
tcp: ["443"]
serverGroups: [web]
segmentGroup: office
---
kind: user-group
name: staff
---
kind: user
name: ada
groups: [staff]
---
kind: posture-fact
name: managed
valueType: boolean
---
kind: access-rule
name: staff-wiki
order: 10
action: allow
conditions: { userGroups: [staff], segments: [wiki] }
`

export interface CaseMember {
  name: string
  group?: string
  enabled?: boolean
  address?: string
  edges?: Record<string, number>
  /** The least of its connection, where that is another. */
  least?: Record<string, number>
  overloaded?: boolean
  certificateLeftMs?: number
}

export interface LintCase {
  name: string
  /** Added to SOUND, or in the place of an object of the same name. */
  more?: string
  members?: CaseMember[]
  key?: { maxUses: number; uses: number; lifeMs: number; ageMs: number; revoked?: boolean }
  /** `CODE kind name` of every finding. */
  finds: string[]
  says?: RegExp
}

/** A rule for these segments, so that somebody reaches them. */
function allowed(...segments: string[]): string {
  return `
---
kind: access-rule
name: staff-${segments[0]}
order: 30
action: allow
conditions: { userGroups: [staff], segments: [${segments.join(', ')}] }
`
}

export const TWO: CaseMember[] = [{ name: 'a' }, { name: 'b' }]

export const CASES: LintCase[] = [
  {
    name: 'an application on the machine of the connector, and nothing says that it is meant',
    more: `
kind: segment
name: wiki
domains: [localhost]
tcp: ["443"]
serverGroups: [web]
segmentGroup: office
`,
    finds: ['ADDRESS_FORBIDDEN segment wiki'],
    says: /set addressCidrs: \[127\.0\.0\.0\/8\] in the segment/,
  },
  { name: 'a sound configuration', finds: [] },
  {
    name: 'a group of one',
    members: [{ name: 'a' }, { name: 'b', enabled: false }],
    finds: ['GROUP_SINGLE_MEMBER connector-group dc1'],
    says: /a is its only enabled connector.*1 segment \(wiki\) cannot be reached/,
  },
  {
    name: 'a group that carries something and has nobody',
    members: [],
    finds: ['NO_HEALTHY_CONNECTOR connector-group dc1'],
  },
  {
    name: 'a group of one that nothing leads to',
    more: 'kind: connector-group\nname: dc2',
    members: [...TWO, { name: 'c', group: 'dc2' }],
    finds: [],
  },
  {
    name: 'members that measure one edge 20 ms apart',
    members: [
      { name: 'a', edges: { frankfurt: 2000 } },
      { name: 'b', edges: { frankfurt: 22_000 } },
    ],
    finds: ['GROUP_SPANS_SITES connector-group dc1'],
    says: /edge frankfurt is 2 ms from a and 22 ms from b/,
  },
  {
    name: 'members of one site, one of which has had no processor since: the least round trip counts',
    members: [
      { name: 'a', edges: { frankfurt: 2000 } },
      { name: 'b', edges: { frankfurt: 42_000 }, least: { frankfurt: 2300 } },
    ],
    finds: [],
  },
  {
    name: 'members that measure one edge 40 ms apart, one of which says that it is overloaded',
    members: [
      { name: 'a', edges: { frankfurt: 2000 } },
      { name: 'b', edges: { frankfurt: 42_000 }, overloaded: true },
    ],
    finds: [],
  },
  {
    name: 'members of two public networks, of whom nothing was measured',
    members: [
      { name: 'a', address: '198.51.100.7' },
      { name: 'b', address: '203.0.113.9' },
    ],
    finds: ['GROUP_SPANS_SITES connector-group dc1'],
    says: /198\.51\.100\.7.*203\.0\.113\.9.*no edge was measured by both/,
  },
  {
    name: 'one site behind two providers: the same edge is as far from both',
    members: [
      { name: 'a', address: '198.51.100.7', edges: { frankfurt: 2000 } },
      { name: 'b', address: '203.0.113.9', edges: { frankfurt: 2400 } },
    ],
    finds: [],
  },
  {
    name: 'two cities as far from the one edge there is',
    members: [
      { name: 'a', address: '198.51.100.7', edges: { frankfurt: 12_000 } },
      { name: 'b', address: '203.0.113.9', edges: { frankfurt: 12_400 } },
    ],
    finds: ['GROUP_SPANS_SITES connector-group dc1'],
    says: /round trips do not distinguish them/,
  },
  {
    name: 'one site behind two providers, far from two edges alike',
    members: [
      { name: 'a', address: '198.51.100.7', edges: { frankfurt: 12_000, paris: 9000 } },
      { name: 'b', address: '203.0.113.9', edges: { frankfurt: 12_400, paris: 9100 } },
    ],
    finds: [],
  },
  {
    name: 'one site, seen over IPv4 and IPv6',
    members: [
      { name: 'a', address: '198.51.100.7' },
      { name: 'b', address: '2001:db8::7' },
    ],
    finds: [],
  },
  {
    name: 'a segment without a server group',
    more: 'kind: segment\nname: lost\ndomains: [lost.example]\ntcp: ["443"]',
    finds: ['SEGMENT_UNMAPPED segment lost'],
    says: /it has no server group/,
  },
  {
    name: 'a server group that is disabled',
    more: 'kind: server-group\nname: web\nconnectorGroups: [dc1]\nenabled: false',
    finds: ['SEGMENT_UNMAPPED segment wiki'],
    says: /server group web is disabled/,
  },
  {
    name: 'a segment that is disabled itself leads nowhere on purpose',
    more: 'kind: segment\nname: lost\ndomains: [lost.example]\ntcp: ["443"]\nenabled: false',
    finds: [],
  },
  {
    name: 'a branch group behind private applications',
    more: 'kind: connector-group\nname: shop\nconnectorKind: branch\n---\nkind: server-group\nname: web\nconnectorGroups: [dc1, shop]',
    finds: ['WRONG_CONNECTOR_KIND server-group web'],
    says: /shop, which is for branch connectors/,
  },
  {
    name: 'a failover group that could not take over',
    more: 'kind: connector-group\nname: dc2\n---\nkind: server-group\nname: web\nconnectorGroups: [dc1]\nfailoverConnectorGroups: [dc2]',
    finds: ['LINT_FAILOVER_EMPTY server-group web'],
    says: /failover group dc2 has no enabled connector/,
  },
  {
    name: 'a failover group of one',
    more: 'kind: connector-group\nname: aside\n---\nkind: server-group\nname: web\nconnectorGroups: [dc1]\nfailoverConnectorGroups: [aside]',
    members: [...TWO, { name: 'c', group: 'aside' }],
    finds: [],
  },
  {
    name: 'App Connectors in a branch group',
    more: 'kind: connector-group\nname: shop\nconnectorKind: branch',
    members: [...TWO, { name: 'c', group: 'shop' }],
    finds: ['WRONG_CONNECTOR_KIND connector-group shop'],
    says: /but contains App Connectors: c/,
  },
  {
    name: 'more applications to watch than a connector watches',
    more:
      Array.from({ length: 51 }, (_, at) =>
        [
          `kind: segment\nname: w${at}\ndomains: [w${at}.watched.example]\nhealth: continuous`,
          'tcp: ["1001-1010"]\nserverGroups: [web]',
        ].join('\n'),
      ).join('\n---\n') + allowed(...Array.from({ length: 51 }, (_, at) => `w${at}`)),
    finds: ['LINT_PROBES_TOO_MANY connector-group dc1'],
    says: /510 applications.*500/,
  },
  {
    name: 'a name in both lanes',
    more: 'kind: internet-rule\nname: direct\ndomains: [Wiki.Example., news.example]',
    finds: ['NAME_IN_TWO_LANES internet-rule direct'],
    says: /segment wiki also claims wiki\.example.*the private segment wins/,
  },
  {
    name: 'lanes in which the more specific name wins',
    more: 'kind: internet-rule\nname: direct\ndomains: ["*.example"]',
    finds: [],
  },
  {
    name: 'a name claimed by two segments for one port',
    more: `kind: segment\nname: wiki2\ndomains: [wiki.example]\ntcp: ["80", "400-500"]\nserverGroups: [web]${allowed('wiki2')}`,
    finds: ['LINT_NAME_IN_TWO_SEGMENTS segment wiki2'],
    says: /segment wiki also claims wiki\.example tcp 443.*wiki2 is never used/,
  },
  {
    name: 'a name shared by port',
    more: `kind: segment\nname: wiki-admin\ndomains: [wiki.example]\ntcp: ["8443"]\nserverGroups: [web]${allowed('wiki-admin')}`,
    finds: [],
  },
  {
    name: 'a wildcard whose port a more specific name hides',
    more: `kind: segment\nname: all\ndomains: ["*.example"]\ntcp: ["443", "8000-8100"]\nserverGroups: [web]${allowed('all')}`,
    finds: ['LINT_PORT_HIDDEN segment wiki'],
    says: /claims wiki\.example without ports that segment all lists for \*\.example: tcp 8000-8100/,
  },
  {
    name: 'a network whose port a smaller one hides',
    more:
      [
        'kind: segment\nname: net\ncidrs: [10.0.0.0/8]\ntcp: ["22", "443"]\nserverGroups: [web]',
        'kind: segment\nname: rack\ncidrs: [10.1.2.0/24]\ntcp: ["443"]\nserverGroups: [web]',
      ].join('\n---\n') + allowed('net', 'rack'),
    finds: ['LINT_PORT_HIDDEN segment rack'],
    says: /tcp 22/,
  },
  {
    name: 'a rule after one that decides all it could',
    more: 'kind: access-rule\nname: ada-wiki\norder: 20\naction: deny\nconditions: { users: [ada], segments: [wiki] }',
    finds: ['LINT_RULE_SHADOWED access-rule ada-wiki'],
    says: /rule staff-wiki \(order 10\).*it never decides deny: staff-wiki has already decided allow/,
  },
  {
    name: 'a rule after one that asks for more',
    more: [
      'kind: access-rule\nname: office-for-managed\norder: 1\naction: allow',
      'conditions: { segmentGroups: [office], posture: [{ fact: managed, equals: true }] }',
    ].join('\n'),
    finds: [],
  },
  {
    name: 'a rule shadowed by one about the group of its segment',
    more: 'kind: access-rule\nname: office-for-all\norder: 1\naction: allow\nconditions: { segmentGroups: [office] }',
    finds: ['LINT_RULE_SHADOWED access-rule staff-wiki'],
  },
  {
    name: 'a rule for people who may not sign in',
    more: 'kind: user\nname: ada\ngroups: [staff]\nenabled: false',
    finds: ['LINT_RULE_NEVER_MATCHES access-rule staff-wiki', 'POLICY_DENIED segment wiki'],
    says: /userGroups: staff: no enabled user is in it(.|\n)*disabled or never matches: rule staff-wiki/,
  },
  {
    name: 'a segment that only a rule that denies is about',
    more: [
      'kind: segment\nname: crm\ndomains: [crm.example]\ntcp: ["443"]\nserverGroups: [web]\nsegmentGroup: office',
      'kind: access-rule\nname: no-crm\norder: 20\naction: deny\nconditions: { segments: [crm] }',
    ].join('\n---\n'),
    finds: ['POLICY_DENIED segment crm'],
    says: /no access rule allows it; it cannot be reached/,
  },
  {
    name: 'a segment whose only rule is disabled',
    more: 'kind: access-rule\nname: staff-wiki\norder: 10\naction: allow\nenabled: false\nconditions: { segments: [wiki] }',
    finds: ['POLICY_DENIED segment wiki'],
    says: /disabled or never matches: rule staff-wiki.*Enable that rule/,
  },
  {
    name: 'a segment that a rule allows with its group',
    more: [
      'kind: segment\nname: crm\ndomains: [crm.example]\ntcp: ["443"]\nserverGroups: [web]\nsegmentGroup: office',
      'kind: access-rule\nname: office\norder: 20\naction: allow\nconditions: { userGroups: [staff], segmentGroups: [office] }',
    ].join('\n---\n'),
    finds: [],
  },
  {
    name: 'a rule that wants two values of one fact',
    more: [
      'kind: access-rule\nname: both\norder: 1\naction: allow',
      'conditions: { posture: [{ fact: managed, equals: true }, { fact: managed, equals: false }] }',
    ].join('\n'),
    finds: ['LINT_RULE_NEVER_MATCHES access-rule both'],
  },
  {
    name: 'a rule with an empty list of facts matches nobody, and hides no other',
    more: 'kind: access-rule\nname: none\norder: 1\naction: deny\nconditions: { posture: [] }',
    finds: ['LINT_RULE_NEVER_MATCHES access-rule none'],
    says: /posture: the list is empty/,
  },
  {
    name: 'a rule about nothing',
    more: 'kind: access-rule\nname: none\norder: 1\naction: deny\nconditions: { segments: [] }',
    finds: ['LINT_RULE_NEVER_MATCHES access-rule none'],
    says: /segments: the list is empty/,
  },
  {
    name: 'a key that is nearly used up',
    key: { maxUses: 10, uses: 9, lifeMs: 30 * DAY_MS, ageMs: DAY_MS },
    finds: ['KEY_EXHAUSTED provisioning-key k'],
    says: /9 of 10 uses/,
  },
  {
    name: 'a key that ends soon with uses left',
    key: { maxUses: 10, uses: 2, lifeMs: 30 * DAY_MS, ageMs: 28 * DAY_MS },
    finds: ['KEY_EXPIRED provisioning-key k'],
    says: /8 of 10 uses left/,
  },
  {
    name: 'a key that was revoked before it ended',
    key: { maxUses: 10, uses: 9, lifeMs: 30 * DAY_MS, ageMs: 28 * DAY_MS, revoked: true },
    finds: [],
  },
  {
    name: 'a certificate that was not renewed in time',
    members: [{ name: 'a', certificateLeftMs: DAY_MS }, { name: 'b' }],
    finds: ['CERT_EXPIRED connector a'],
    says: /expires at 2026-11-22/,
  },
]
