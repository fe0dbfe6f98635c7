import { rfc3339 } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { VERSION } from '../../base/version.ts'
import type { ConnectorIdentity } from './identity.ts'
import type { Protection } from './sealed-state.ts'

/** Who this connector is, in its log: what a person looks for first. */
export function introduceConnector(identity: ConnectorIdentity, protection: Protection, log: Log): void {
  log.info(
    { event: 'connector.identity', connector: identity.id, version: VERSION },
    `Connector ID ${identity.id}, version ${VERSION}`,
  )
  log.info(
    {
      event: 'connector.certificate',
      until: rfc3339(identity.notAfterMs),
      generation: identity.generation,
    },
    `Certificate valid until ${rfc3339(identity.notAfterMs)}`,
  )
  log[protection.sealed ? 'info' : 'warn'](
    { event: 'connector.protection', ...protection },
    `Identity ${protection.note}`,
  )
}
