/**
 * What a refusal says about the way that was taken: whether another one may help, and whether its grant is of more use.
 *
 * @module
 */
import type { FaultCode } from '../../base/faults.ts'

/** Faults of a way that another way, asked for anew, may not have. */
export const ANOTHER_WAY: ReadonlySet<string> = new Set<FaultCode>([
  'TUNNEL_LOST',
  'CONNECTOR_DRAINING',
  'TOO_MANY_STREAMS',
  'GRANT_INVALID',
  'GRANT_EXPIRED',
  'PAIR_TIMEOUT',
  'TICKET_INVALID',
  'NO_HEALTHY_CONNECTOR',
  'EDGE_DRAINING',
  // Of the machine of that connector: another one of the group may have none of it.
  'APP_RESOLVER_DOWN',
  'LOOKUPS_BUSY',
  'FD_EXHAUSTED',
  'CONNECTOR_OVERLOADED',
])
/**
 * Said of what a grant lets through, and of one that was held from before this says nothing: what it lets through may
 * have been mended, or moved, since. Asked anew, the answer is that of now.
 */
export const ASK_ANEW: ReadonlySet<string> = new Set<FaultCode>([
  'ADDRESS_FORBIDDEN',
  'DESTINATION_OUTSIDE_GRANT',
  'GRANT_REVOKED',
])
/** With these the grant is of no more use; others say nothing about it. */
export const GRANT_IS_SPENT: ReadonlySet<string> = new Set<FaultCode>([
  'GRANT_INVALID',
  'GRANT_EXPIRED',
  'GRANT_REVOKED',
  'DESTINATION_OUTSIDE_GRANT',
  'ADDRESS_FORBIDDEN',
  'CONNECTOR_DRAINING',
  // That connector does not get there. Which one does is asked anew: a grant would lead to the same one for minutes,
  // also when its control connection is down and it can tell nobody.
  'APP_RESOLVER_DOWN',
  'APP_NAME_NXDOMAIN',
  'APP_REFUSED',
  'APP_TIMEOUT',
  'APP_UNREACHABLE',
  'LOOKUPS_BUSY',
  'FD_EXHAUSTED',
  'CONNECTOR_OVERLOADED',
])
