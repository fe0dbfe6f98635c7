import type { Store } from '../../store/store.ts'
import type { AgentMessage, ControlMessage } from '../../wire/control.ts'
import type { Connected } from '../presence/presence.ts'

type OutagesMessage = Extract<AgentMessage, { type: 'outages' }>

/** Keeps what an agent tells of the times it was away; acknowledged only when it is durable. */
export async function keepOutages(
  { store }: { readonly store: Store },
  { peer }: Connected,
  { outages }: OutagesMessage,
): Promise<ControlMessage> {
  await store.outages.keep(peer.identity.id, outages)
  return { type: 'outages-kept', ids: outages.map((one) => one.id) }
}
