import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { ServerClock } from '../../link/control/server-clock.ts'
import type { Presence } from '../presence/presence.ts'

/**
 * Agents judge grants and tickets by the time of their last welcome. A server that starts with a wrong clock, which
 * is then set, would sign what none of them takes: whoever is connected is told.
 */
export function tellTime({ presence, clock, log }: TellTimeDeps): Disposable {
  const own = new ServerClock(clock)
  own.set(0)
  return own.watch(log, 'agents are told the new time', () => {
    const told = { type: 'time', serverTimeMs: clock.nowMs() } as const
    for (const all of [presence.edges(), presence.connectors(), presence.allClients()]) {
      for (const { channel } of all) channel.send(told)
    }
  })
}

interface TellTimeDeps {
  readonly presence: Presence
  readonly clock: Clock
  readonly log: Log
}
