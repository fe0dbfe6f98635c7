import type { FaultRow } from './row.ts'

/** Faults of names of applications, as the connector resolves them. */
export const DNS_FAULTS = {
  APP_NAME_NXDOMAIN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The connector cannot resolve the application name',
    evidence: 'name; resolver asked; answer',
    cause: 'The resolver of the connector does not know the name.',
    fix: 'Add the record, or point the connector at a resolver that knows the zone.',
    verify: 'getent hosts APP on the connector prints an address',
    dependsOn: [],
  },
  APP_NAME_WRONG_VIEW: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The application name resolves to an address of the wrong view',
    evidence: 'name; resolver asked; answer and TTL; network expected',
    cause:
      'The resolver gives the public answer, or resolvers disagree, where an internal address was expected.',
    fix: 'Point the connector at a resolver of the internal view.',
    verify: 'getent hosts APP on the connector prints an address of the expected network',
    dependsOn: [],
  },
  APP_RESOLVER_DOWN: {
    hop: 'dns',
    scenario: 13,
    retry: true,
    title: 'The resolver of the connector does not answer',
    evidence: 'resolver asked; answer or time waited',
    cause: 'Time-out or server failure from the resolver in /etc/resolv.conf.',
    fix: 'Repair the resolver, or configure another.',
    verify: 'getent hosts APP on the connector prints an address',
    dependsOn: ['RESOLVER_UNREADABLE', 'RESOLVER_UNREACHABLE'],
  },
} as const satisfies Record<string, FaultRow>
