import type { FiguresSample } from '../base/figures.ts'
import { hostPort } from '../base/host-port.ts'
import { shown } from '../base/visible-text.ts'
import type { ConnectorStatus } from '../connector/status.ts'
import { type FigureName, figureText, megabytes } from '../policy/overload.ts'
import { clockText } from './clock-text.ts'
import { edgesText } from './edges-text.ts'
import { factsText } from './facts.ts'
import { notesOf } from './notes.ts'
import { outageText } from './outage-text.ts'
import { milliseconds } from './session-line.ts'
import { stateText, style } from './terminal.ts'
import { waitsText } from './waits-text.ts'

/** Sessions by application tell who brought the load. */
function sessionsText({ sessions, tunnels, sessionsBy = [] }: ConnectorStatus): string {
  const by = sessionsBy.map((one) => `${one.segmentName} ${one.sessions}`).join(', ')
  return `${sessions} in ${tunnels} tunnels${by === '' ? '' : `: ${by}`}`
}

function workersText({ workers = [] }: ConnectorStatus): [string, string][] {
  return workers.map(
    ({ worker, pid, tunnels, sessions, bytesPerSecond, cpuPercent = 0, rssBytes = 0, restarts }) => [
      `worker ${worker}`,
      [
        pid === undefined ? 'not running' : `process ${pid}`,
        `${sessions} in ${tunnels} tunnels`,
        `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`,
        `processor ${cpuPercent} %`,
        `memory ${megabytes(rssBytes)}`,
        ...(restarts > 0 ? [`started again ${restarts} ${restarts === 1 ? 'time' : 'times'}`] : []),
      ].join(' · '),
    ],
  )
}

/** No fault: of a connection that is kept and idle the last byte was long ago, too. */
function stillText({ still = [] }: ConnectorStatus): [string, string][] {
  return still.map(({ application, sessions, users, stillS: [least, most] }) => [
    'still',
    `${application}: no byte in ${sessions} sessions of ${users} ${users === 1 ? 'user' : 'users'} for ${least === most ? '' : `${least} to `}${most} s: idle, or stalled mid-transfer`,
  ])
}

function machineText(last: FiguresSample | undefined): string | undefined {
  if (last === undefined) return undefined
  return ['cpu', 'memory', 'descriptors', 'ports']
    .map((name) => figureText(name as FigureName, last))
    .join(' · ')
}

const MARKS = { waiting: '·', running: '…', passed: '✓', failed: '✗' } as const

/** What a connector says of itself, for people: the six stages show which one is red. */
export function connectorStatusText(said: ConnectorStatus): string {
  const status = shown(said)
  const { edge, certificate, identity } = status
  const facts = factsText([
    ['connector', `${stateText(status.state)}, version ${status.version}, process ${status.pid}`],
    ['id', status.id],
    ['identity', identity?.note],
    ['certificate', certificate && `until ${certificate.notAfter}`],
    ['edge', edge && `${hostPort(edge)}${edge.rttUs ? `, ${milliseconds(edge.rttUs)} away` : ''}`],
    [
      'clock',
      clockText(status.clockSkewMs) ??
        (status.clockSkewMs === undefined ? undefined : `${status.clockSkewMs} ms off the server`),
    ],
    ['sessions', sessionsText(status)],
    ...workersText(status),
    ...stillText(status),
    ...waitsText(status.waiting),
    ['machine', machineText(status.history?.at(-1))],
    ...(status.failing ?? []).map(({ application, fault }): [string, string] => [
      'degraded',
      `${application} ${style('yellow', fault.code)} (${fault.hop}): ${fault.detail}`,
    ]),
    ['healthy', status.startToHealthyMs && `${status.startToHealthyMs} ms after startup`],
    ...notesOf(status.notes),
  ])
  const stages = status.stages.flatMap(({ stage, name, state, durationMs, fault }) => {
    const mark = state === 'failed' ? style('red', MARKS.failed) : MARKS[state]
    const line = `  ${mark} ${stage} ${name}${durationMs === undefined ? '' : `, ${durationMs} ms`}`
    return fault === undefined
      ? [line]
      : [line, `      ${style('red', fault.code)} (${fault.hop}): ${fault.detail}`]
  })
  return [facts, ...stages, ...edgesText(status.edges), ...outageText(status.outages)].join('\n')
}
