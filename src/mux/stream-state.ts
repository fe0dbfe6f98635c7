/**
 * Where a stream stands: the local direction before the slash, the peer's direction behind it.
 *
 *                          FIN received      all of it taken here
 *       open/open   ──────▶ open/fin   ──────▶ open/taken
 *           │ FIN sent          │                   │
 *           ▼                   ▼                   ▼
 *       fin/open    ──────▶ fin/fin    ──────▶ fin/taken
 *           │ TAKEN received    │                   │
 *           ▼                   ▼                   ▼
 *       taken/open  ──────▶ taken/fin  ──────▶ over: done
 *
 * A write to the local socket that fails leads from open/… to broken/…: the socket is still read to its end, which is
 * then a reset and no FIN. RESET from either side, and the end of the tunnel, lead from everywhere to over.
 */
export type StreamState =
  | 'open/open'
  | 'open/fin'
  | 'open/taken'
  | 'fin/open'
  | 'fin/fin'
  | 'fin/taken'
  | 'taken/open'
  | 'taken/fin'
  | 'broken/open'
  | 'broken/fin'
  | 'broken/taken'
  | 'over'

export type Transitions = Readonly<Partial<Record<StreamState, StreamState>>>

/** FIN leaves. */
export const FIN_SENT: Transitions = {
  'open/open': 'fin/open',
  'open/fin': 'fin/fin',
  'open/taken': 'fin/taken',
}

/** TAKEN comes: the peer's socket has taken everything that was sent, and FIN. */
export const TAKEN_RECEIVED: Transitions = {
  'fin/open': 'taken/open',
  'fin/fin': 'taken/fin',
  'fin/taken': 'over',
}

/** FIN comes. */
export const FIN_RECEIVED: Transitions = {
  'open/open': 'open/fin',
  'fin/open': 'fin/fin',
  'taken/open': 'taken/fin',
  'broken/open': 'broken/fin',
}

/** The local socket has taken everything that the peer sent, and FIN: TAKEN leaves. */
export const TAKEN_SENT: Transitions = {
  'open/fin': 'open/taken',
  'fin/fin': 'fin/taken',
  'taken/fin': 'over',
}

/** A write to the local socket failed. */
export const WRITE_FAILED: Transitions = {
  'open/open': 'broken/open',
  'open/fin': 'broken/fin',
  'open/taken': 'broken/taken',
}

/** The local program says no more. */
export function localEnded(state: StreamState): boolean {
  return !state.startsWith('open') && !isBroken(state)
}

/** The peer says no more. Asked for each frame of DATA: the common state is compared first. */
export function peerEnded(state: StreamState): boolean {
  return state !== 'open/open' && !state.endsWith('/open')
}

/** A write to the local socket has failed. */
export function isBroken(state: StreamState): boolean {
  return state.startsWith('broken')
}

/** Who keeps a stream open that has ended in one direction: the side that has still to end, or to take what came. */
export function keptOpenBy(state: StreamState): 'local' | 'remote' {
  return state.startsWith('open') || (state.endsWith('/fin') && !isBroken(state)) ? 'local' : 'remote'
}
