import type { Clock } from '../../base/clock.ts'
import { newId } from '../../base/ids.ts'
import { signGrant } from '../../pki/grant.ts'
import type { Permitted } from '../access/authorize.ts'
import type { Keyring } from '../base/keyring.ts'
import type { Connected } from '../presence/presence.ts'

/** Long enough for a trace, and no longer. */
const LIFE_MS = 60_000
const MAX_CONNECTORS = 8

/**
 * Permission for the large transfer of a trace: to the echo inside a connector, and to nothing else. It covers no host
 * and no port, so that even a connector that knew nothing of echoes would open nothing with it.
 */
export function echoGrants(
  deps: { readonly tenant: string; readonly clock: Clock; readonly grantKeys: Keyring },
  client: Connected,
  to: { readonly user: string; readonly userName: string; readonly permitted: Permitted },
  connectors: readonly string[],
): Promise<{ connector: string; grant: string }[]> {
  const nowMs = deps.clock.nowMs()
  const { segment, rule } = to.permitted
  return Promise.all(
    connectors.slice(0, MAX_CONNECTORS).map(async (connector) => ({
      connector,
      grant: await signGrant(deps.grantKeys.signing, {
        id: newId('grt', nowMs),
        tenant: deps.tenant,
        ...{ user: to.user, userName: to.userName, device: client.peer.identity.id },
        thumbprint: client.peer.thumbprint,
        ...{ connector, segment: segment.id, segmentName: segment.name, rule: rule.id },
        ...{ hosts: [], cidrs: [], addressCidrs: [], tcp: [], udp: [] },
        echo: true,
        issuedMs: nowMs,
        expiresMs: Math.min(nowMs + LIFE_MS, client.peer.notAfterMs),
      }),
    })),
  )
}
