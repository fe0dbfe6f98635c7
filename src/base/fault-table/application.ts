import type { FaultRow } from './row.ts'

/** Faults of applications, as the connector sees them. */
export const APPLICATION_FAULTS = {
  APP_REFUSED: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'The application refused the connection',
    cause: 'Nothing listens on this address and port, or a firewall rejects.',
    fix: 'Start the application, or correct the port in the segment.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  SEGMENT_PORT_MISMATCH: {
    hop: 'application',
    scenario: 14,
    retry: false,
    title: 'The application answers on another port than the segment says',
    cause: 'Nothing listens on the port of the segment; a usual neighbouring port is open.',
    fix: 'Correct the ports of the segment, or move the application.',
    verify: 'nc -zv APP PORT on the connector succeeds for the port of the segment',
  },
  APP_TLS_NAME: {
    hop: 'application',
    scenario: 14,
    retry: false,
    title: 'The certificate of the application is for another name',
    cause: 'Programs connect by a name that the certificate of the application does not have.',
    fix: 'Add the name to the certificate, or use a name that it has.',
    verify: 'openssl s_client -connect APP:PORT -servername APP -verify_hostname APP verifies',
  },
  APP_TIMEOUT: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'The application does not answer',
    cause: 'The connection attempt from the connector was dropped.',
    fix: 'Allow the connector to reach the application address and port.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  APP_UNREACHABLE: {
    hop: 'application',
    scenario: 14,
    retry: true,
    title: 'There is no way from the connector to the application',
    cause: 'No route to the address, or it is forbidden on the way.',
    fix: 'Repair the route from the connector.',
    verify: 'nc -zv APP PORT on the connector succeeds',
  },
  APP_RESET: {
    hop: 'application',
    retry: true,
    title: 'The application reset the connection',
    cause: 'The application or something before it closed the connection hard.',
    fix: 'Look at the log of the application.',
    verify: 'the session stays open',
  },
} as const satisfies Record<string, FaultRow>
