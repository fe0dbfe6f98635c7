import type { ConnectorStatus } from '../connector/status.ts'
import { edgesText } from './edges-text.ts'
import { factsText } from './facts.ts'
import { notesOf } from './notes.ts'
import { outageText } from './outage-text.ts'
import { milliseconds } from './session-line.ts'
import { stateText, style } from './terminal.ts'

const MARKS = { waiting: '·', running: '…', passed: '✓', failed: '✗' } as const

/** What a connector says of itself, for people: the six stages show which one is red. */
export function connectorStatusText(status: ConnectorStatus): string {
  const { edge, certificate, identity } = status
  const facts = factsText([
    ['connector', `${stateText(status.state)}, version ${status.version}, process ${status.pid}`],
    ['id', status.id],
    ['identity', identity?.note],
    ['certificate', certificate && `until ${certificate.notAfter}`],
    ['edge', edge && `${edge.host}:${edge.port}${edge.rttUs ? `, ${milliseconds(edge.rttUs)} away` : ''}`],
    ['clock', status.clockSkewMs === undefined ? undefined : `${status.clockSkewMs} ms off the server`],
    ['sessions', `${status.sessions} in ${status.tunnels} tunnels`],
    ['healthy', status.startToHealthyMs && `${status.startToHealthyMs} ms after the start`],
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
