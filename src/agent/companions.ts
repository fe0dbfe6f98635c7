/** Companions that more than one role has. */
import type { Log } from '../base/log.ts'
import { ASK_AGAIN, type ServerClock } from '../link/control/server-clock.ts'
import type { Credentials } from '../link/dial/credentials.ts'
import type { EdgeRoute } from './edges/edge-route.ts'
import type { SelfExamination } from './examination/self-examination.ts'
import type { KnownKeys } from './identity/known-keys.ts'
import type { Companion } from './link/companion.ts'
import type { SessionReports } from './sessions/session-reports.ts'

/** The clock of the control plane, and a question for it when this machine's has jumped. */
export function followsTime(clock: ServerClock, log: Log): Companion {
  return {
    start: (link) => clock.watch(log, ASK_AGAIN, (detail) => link.redial({ why: 'clock', detail })),
    up: (_welcome, { skewMs }) => clock.set(skewMs),
    time: (skewMs) => clock.set(skewMs),
  }
}

/** The keys that grants or tickets are verified with: no welcome counts without them. */
export function followsKeys(known: KnownKeys, credentials: () => Credentials): Companion {
  return {
    judge: ({ keys }) => known.take(keys, credentials()),
    message(message, link) {
      if (message.type !== 'keys') return false
      void known.change(message.keys, credentials(), () => link.redial({ why: 'keys' }))
      return true
    },
  }
}

/** The list of edges, and which of them is used. */
export function followsEdges(route: EdgeRoute): Companion {
  return {
    start: () => route,
    up: (welcome, { address }) => route.up(welcome, address),
    message(message) {
      if (message.type !== 'edges') return false
      route.learn(message.edges)
      return true
    },
  }
}

/** Outages that control has not heard of, and what it asks the doctor. */
export function tellsOutages(examination: SelfExamination): Companion {
  return {
    up: (_welcome, { link }) => examination.resume((message) => link.send(message)),
    down: () => examination.pause(),
    message: (message) => examination.message(message),
  }
}

/** Without a control connection this agent is in an outage, and nothing else puts it in one. */
export function countsOutages(examination: SelfExamination): Companion {
  return {
    up: () => examination.up(),
    down(fault, redialling) {
      if (!redialling) examination.failed(fault)
    },
  }
}

export function tellsSessions(reports: SessionReports): Companion {
  return {
    up: (_welcome, { link }) =>
      reports.resume((batch, timeoutMs) => link.request(batch, timeoutMs, { isAskedAgain: true })),
    down: () => reports.pause(),
  }
}
