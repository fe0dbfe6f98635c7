import type { StillSessions } from '../agent/sessions/still-sessions.ts'

/** No fault yet: one session that waits may have asked for something that takes long. */
export function waitsText(waiting: readonly StillSessions[] = []): [string, string][] {
  return waiting.map(({ application, sessions, stillS: [least, most] }) => {
    const who = sessions === 1 ? 'one session waits' : `${sessions} sessions wait`
    const forS = `${least === most ? '' : `${least} to `}${most} s`
    return ['waits', `${who} for the first byte of ${application}, for ${forS}`]
  })
}
