import type { AgentMessage } from './agent-message.ts'
import type { ControlMessage } from './control-message.ts'

export type MessageType = (AgentMessage | ControlMessage)['type']

/**
 * Lists whose items stand each for itself: one that a receiver cannot read is left out, and the others count. Lanes are
 * none: half of them could let a private name out.
 */
export const LISTS: { readonly [type in MessageType]?: readonly string[] } = {
  session: ['reports'],
  status: ['notes'],
  'edge-status': ['notes'],
  carries: ['ended'],
  outages: ['outages'],
  edges: ['seen', 'edges'],
  probe: ['applications'],
  revoke: ['grants'],
  welcome: ['edges'],
  'edge-state': ['revoked', 'ended'],
  'outages-kept': ['ids'],
}
