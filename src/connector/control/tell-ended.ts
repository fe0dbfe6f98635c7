import { batches, type CarriesMessage, MAX_CARRIED, MAX_LIST_BYTES } from '../../wire/control.ts'
import type { ConnectorLedger } from '../sessions/connector-ledger.ts'

/**
 * Control forgets a grant when it ends; of those that sessions rest on it is reminded, of all of them: what is not told it
 * takes for over, and nothing would ever cut it.
 */
export function* tellEnded(
  open: Pick<ConnectorLedger['open'], 'ended'>,
  nowMs: number,
): Generator<CarriesMessage, undefined> {
  for (const ended of batches(open.ended(nowMs), { maxBytes: MAX_LIST_BYTES, maxItems: MAX_CARRIED })) {
    yield { type: 'carries', ended }
  }
}
