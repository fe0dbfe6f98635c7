/**
 * What is not there any more and would have allowed it: who deleted it, and when. For admins; a user is told nothing of what
 * there was.
 *
 * @module
 */
import { addressBytes } from '../../base/ip-address.ts'
import { networkHas, networkOf } from '../../policy/network.ts'
import { hostMatches } from '../../policy/segment.ts'
import { type Deletion, deletedText } from '../../store/deletions.ts'
import type { Repositories } from '../../store/store.ts'
import type { FaultMessage } from '../../wire/control.ts'

type DeletedReader = Pick<Repositories, 'objects'>

/** The fault with what was deleted in its words, where that explains it. */
export async function withWhatWas(
  store: DeletedReader,
  fault: FaultMessage,
  host: string,
): Promise<FaultMessage> {
  const was = await whatWas(store, fault, host)
  return was === undefined ? fault : { ...fault, detail: `${fault.detail}; ${was}` }
}

async function whatWas(
  store: DeletedReader,
  { code, seen }: FaultMessage,
  host: string,
): Promise<string | undefined> {
  if (code === 'CLIENT_NOT_COVERED') {
    const gone = (await store.objects.deletions('segment')).find((one) => declared(one, host))
    return gone && `segment ${gone.name}, which declared it, was ${deletedText(gone)}`
  }
  if (code === 'POLICY_DENIED' && seen?.rule === undefined) {
    const gone = (await store.objects.deletions('access-rule')).find(allowed)
    return gone && `rule "${gone.name}", which allowed access, was ${deletedText(gone)}`
  }
  return undefined
}

function declared({ was }: Deletion, host: string): boolean {
  const { domains = [], cidrs = [] } = (was ?? {}) as { domains?: string[]; cidrs?: string[] }
  const address = addressBytes(host)
  return (
    domains.some((pattern) => hostMatches(pattern, host)) ||
    (address !== undefined && cidrs.some((cidr) => networkHas(networkOf(cidr), address)))
  )
}

function allowed({ was }: Deletion): boolean {
  return (was as { action?: string } | undefined)?.action === 'allow'
}
