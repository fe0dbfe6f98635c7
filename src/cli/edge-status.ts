import { hostPort } from '../base/host-port.ts'
import { shown } from '../base/visible-text.ts'
import type { EdgeStats } from '../edge/edge.ts'
import type { EdgeDaemonStatus } from '../edge/edge-status.ts'
import { clockText } from './clock-text.ts'
import { factsText } from './facts.ts'
import { notesOf } from './notes.ts'
import { outageText } from './outage-text.ts'
import { milliseconds } from './session-line.ts'
import { stateText, style } from './terminal.ts'

/** What a remote edge says of itself, for people. */
export function edgeStatusText(said: EdgeDaemonStatus): string {
  const status = shown(said)
  const { edge: home, certificate, listen, stats, fault } = status
  const facts = factsText([
    ['edge', `${stateText(status.state)}, version ${status.version}, process ${status.pid}`],
    ['id', status.id],
    ['listens', listen && hostPort(listen)],
    ['certificate', certificate && `until ${certificate.notAfter}`],
    ['server', home && `${hostPort(home)}${home.rttUs ? `, ${milliseconds(home.rttUs)} away` : ''}`],
    ['carries', stats && `${stats.pipes} pipes, ${stats.relayed} connections passed on to the server`],
    ['workers', stats?.workers && workersText(stats.workers)],
    [
      'clock',
      clockText(status.clockSkewMs) ??
        (status.clockSkewMs === undefined ? undefined : `${status.clockSkewMs} ms off the server`),
    ],
    ['fault', fault && `${style('red', fault.code)} (${fault.hop}): ${fault.detail}`],
    ...notesOf(status.notes),
  ])
  return [facts, ...outageText(status.outages)].join('\n')
}

/** `2: 12 and 9 pipes; worker 2 was started again once`. */
function workersText(workers: NonNullable<EdgeStats['workers']>): string {
  const pipes = new Intl.ListFormat('en').format(workers.map(({ pipes }) => String(pipes)))
  const again = workers
    .filter(({ restarts }) => restarts > 0)
    .map(({ worker, restarts }) => `; worker ${worker} was started again (${restarts})`)
  return `${workers.length}: ${pipes} pipes${again.join('')}`
}
