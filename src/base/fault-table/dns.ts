import type { FaultRow } from './row.ts'

/** Faults of names of applications, as the connector resolves them. */
export const DNS_FAULTS = {
  APP_NAME_NXDOMAIN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: "The connector cannot resolve the application's name",
    evidence: 'name; resolver queried; answer',
    cause: "The connector's resolver does not know the name.",
    fix: 'Add the record, or point the connector at a resolver that serves the zone.',
    verify: 'getent hosts APP on the connector prints an address',
    dependsOn: [],
  },
  APP_NAME_WRONG_VIEW: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: "The application's name resolves to an address from the wrong DNS view",
    evidence: 'name; resolver queried; answer and TTL; expected network',
    cause:
      'The resolver returns the public answer, or resolvers disagree, where an internal address was expected.',
    fix: 'Point the connector at a resolver of the internal view.',
    verify: 'getent hosts APP on the connector prints an address of the expected network',
    dependsOn: [],
  },
  APP_RESOLVER_DOWN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: "The connector's resolver does not answer",
    evidence: 'resolver queried; answer or time waited',
    cause: 'The resolver in /etc/resolv.conf timed out or returned a server failure.',
    fix: 'Fix the resolver, or configure another.',
    verify: 'getent hosts APP on the connector prints an address',
    dependsOn: ['RESOLVER_UNREADABLE', 'RESOLVER_UNREACHABLE'],
  },
} as const satisfies Record<string, FaultRow>
