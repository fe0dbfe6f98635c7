/**
 * What the person at this device is told of an application that takes their connections and answers none: the client
 * sees its own sessions only, and that is enough to say that it is not the device, the way or the connector.
 *
 * @module
 */
import type { SilenceOf } from '../../agent/sessions/silence-reports.ts'
import { SilenceWatch } from '../../agent/sessions/silence-watch.ts'
import { type Clock, rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import type { Log } from '../../base/log.ts'
import { howWaited, type Silence } from '../../policy/silence.ts'
import { askAbout } from '../address/ask-about.ts'
import type { Destination } from '../address/destination.ts'
import type { ClientSession } from './client-session.ts'
import type { Looks } from './looks.ts'

export type SilentApps = SilenceWatch<Destination, ClientSession>

/** By the sessions of this device. */
export function watchOwnSessions({
  looks,
  ...o
}: {
  clock: Clock
  log: Log
  now?: () => number
  looks?: Pick<Looks, 'waits'>
}): SilentApps {
  const stands = ({ tunnel }: ClientSession) => tunnel!.mux.ping()
  const onWaits = (to: Destination, session: ClientSession, fault: Fault) => {
    session.start.events.waits?.(fault, session)
    void looks?.waits(to)
  }
  const keyOf = ({ key }: Destination) => key
  return new SilenceWatch({ ...o, side: 'client', keyOf, faultOf, stands, onWaits })
}

function faultOf(silence: Silence, { application, address, wallMs }: SilenceOf<Destination>): Fault {
  const { is, sessions, upBytes, waitedMs, answeredMs, sinceMs } = silence
  const where = hostPort(application)
  const since = rfc3339(wallMs(sinceMs))
  const what =
    is === 'silent'
      ? `${sessions} ${sessions === 1 ? 'session' : 'sessions'} sent data and received no byte`
      : `in ${sessions} sessions the data sent was never acknowledged, the connector reports`
  const last =
    answeredMs === undefined ? 'none was answered before' : `last answer ${rfc3339(wallMs(answeredMs))}`
  return new Fault('APP_SILENT', `${where}: silent since ${since}: ${what}`, {
    seen: {
      ...{ is, sessions, since },
      saw: [
        ...(is === 'silent'
          ? [`the last sent ${upBytes} B and ${howWaited(silence)} ${Math.round(waitedMs / 1000)} s`]
          : []),
        last,
        // Else these sessions would have ended as those of a lost tunnel, or never have been opened.
        `the connector connected to ${address || where} each time, and the tunnel to it stands`,
      ],
      fix: [`tell the operator of ${where} that it accepts connections and does not answer`],
      more: askAbout(application),
      ...{ host: application.host, port: application.port },
    },
  })
}
