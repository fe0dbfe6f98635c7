import type { SilenceOf as Of } from '../../agent/sessions/silence-reports.ts'
import { SilenceWatch, type SilenceWatchOptions } from '../../agent/sessions/silence-watch.ts'
import { rfc3339 } from '../../base/clock.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { howWaited, type Silence } from '../../policy/silence.ts'
import { type Application, type ApplicationReach, keyOf } from '../health/application-reach.ts'

type SilenceOfApplication = Of<Pick<Application, 'host' | 'port' | 'protocol'>>

/** By the sessions of everybody who goes through this connector. Control is told. */
export function watchApplications({
  reach,
  ...o
}: Pick<SilenceWatchOptions<Application>, 'clock' | 'log' | 'lossy' | 'now' | 'onSilent' | 'onWaits'> & {
  readonly reach: Pick<ApplicationReach, 'silent' | 'waiting'>
}): SilenceWatch<Application> {
  const onChange = reach.silent.bind(reach)
  const onWaiting = reach.waiting.bind(reach)
  return new SilenceWatch({ ...o, side: 'connector', keyOf, faultOf: silenceFault, onChange, onWaiting })
}

/** What is said of an application that takes what it is sent and answers nobody: since when, and by whom it is known. */
export function silenceFault(silence: Silence, of: SilenceOfApplication): Fault {
  if (of.application.protocol === 'udp') return unansweredFault(silence, of)
  const { host, port } = of.application
  const { is, sessions, users, sinceMs, idleMs } = silence
  const since = rfc3339(of.wallMs(sinceMs))
  const who = `${sessions} sessions of ${users} ${users === 1 ? 'user' : 'users'}`
  const what = {
    silent: `${who} sent data and received no byte`,
    gap: `in ${who} some of what it sends is lost on the way, and the rest waits for that`,
    lost: `in ${who} the data sent${isPause(idleMs) ? ` after a pause of ${seconds(idleMs)} or more` : ''} is not acknowledged, though new connections open`,
  }[is]
  return new Fault('APP_SILENT', `${hostPort({ host, port })}: silent since ${since}: ${what}`, {
    seen: {
      ...{ is, sessions, users, since, saw: sawText(silence, of), fix: fixText(silence, of) },
      ...(is === 'lost' && isPause(idleMs) ? { idleS: Math.floor(idleMs / 1000) } : {}),
    },
  })
}

/** Nothing stands between datagrams: the application may be gone, or the way back from it. */
function unansweredFault(silence: Silence, of: SilenceOfApplication): Fault {
  const { host, port } = of.application
  const { is, sessions, users, sinceMs } = silence
  const { address = host } = of
  const since = rfc3339(of.wallMs(sinceMs))
  const who = `${sessions} flows of ${users} ${users === 1 ? 'user' : 'users'}`
  const fix = [
    `on this connector, during a user's request: tcpdump -ni any udp and host ${address} and port ${port}`,
    "if no answer arrives: check the application's log, and restart it",
    `if the application answers: allow datagrams from ${address} port ${port} to this connector (a firewall, or the return route)`,
  ]
  return new Fault(
    'APP_SILENT',
    `${hostPort({ host, port })}/udp: silent since ${since}: ${who} sent it datagrams and received none`,
    { seen: { ...{ is, sessions, users, since, saw: sawText(silence, of), fix } } },
  )
}

function sawText({ is, answeredMs, saw, ...silence }: Silence, of: SilenceOfApplication): string[] {
  const last =
    answeredMs === undefined ? 'none was answered before' : `last answer ${rfc3339(of.wallMs(answeredMs))}`
  const how = of.application.protocol === 'udp' ? 'had no answer for' : howWaited(silence)
  if (is === 'silent')
    return [`the last sent ${silence.upBytes} B and ${how} ${seconds(silence.waitedMs)}`, last]
  return [...saw, last]
}

function fixText(
  { is, idleMs }: Silence,
  { application: { host, port }, address = host }: SilenceOfApplication,
): string[] {
  const at = hostPort({ host: address, port })
  const then = `then let a user open ${hostPort({ host, port })}: the first answer clears this`
  if (is === 'silent') {
    return [
      `check the application's log at ${at}, and restart the application`,
      `query it from the connector like its users do, if it is a web server: curl -v --max-time 10 http://${hostPort({ host, port })}/`,
      then,
    ]
  }
  if (is === 'gap') {
    return [
      `let packets of every size pass from ${address} port ${port} to this connector (a tunnel or a firewall that drops large ones; MTU)`,
      `ss -tinm dst ${address} dport = ${port}`,
      `then let a user open a large page of ${hostPort({ host, port })}: full packets clear this`,
    ]
  }
  const between = `between this connector and ${address} port ${port}`
  return [
    isPause(idleMs)
      ? `let devices ${between} keep idle connections for longer than ${seconds(idleMs)}, or have the application send keepalives`
      : `let whole connections pass ${between}, not only their first packets`,
    `ss -tin dst ${address} dport = ${port}`,
    then,
  ]
}

/** Shorter than the looks that see it, a pause is none. */
const PAUSE_MS = 2000

function isPause(ms: number): boolean {
  return ms >= PAUSE_MS
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
