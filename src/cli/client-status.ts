import type { ClientStatus } from '../client/status.ts'
import { edgesText } from './edges-text.ts'
import { factsText } from './facts.ts'
import { notesOf } from './notes.ts'
import { outageText } from './outage-text.ts'
import { bytesText, milliseconds } from './session-line.ts'
import { stateText, style, table } from './terminal.ts'

const DECISIONS_SHOWN = 8

/** What the client says of itself, for people. */
export function clientStatusText(status: ClientStatus): string {
  const { edge, sessions, fault, certificate, tunnels, forwards, decisions } = status
  const parts = [
    factsText([
      ['client', `${stateText(status.state)}, version ${status.version}, process ${status.pid}`],
      ['user', status.user],
      ['device', status.id],
      ['certificate', certificate && `until ${certificate.notAfter}`],
      ['edge', edge && `${edge.host}:${edge.port}${edge.rttUs ? `, ${milliseconds(edge.rttUs)} away` : ''}`],
      ['local proxy', status.proxy ?? 'none'],
      ...notesOf(status.notes),
      ['fault', fault && `${style('red', fault.code)} (${fault.hop}): ${fault.detail}`],
      [
        'sessions',
        `${sessions.open} open, ${sessions.total} in all, ${sessions.failed} failed; ` +
          `${bytesText(sessions.bytesUp)} up, ${bytesText(sessions.bytesDown)} down`,
      ],
    ]),
  ]
  const outages = outageText(status.outages)
  if (outages.length > 0) parts.push(outages.join('\n'))
  for (const { local, to, protocol } of forwards) parts.push(`forward ${local} leads to ${to}/${protocol}`)
  parts.push(...edgesText(status.edges))
  if (tunnels.length > 0) {
    const rows = tunnels.map((one) => [
      one.connector,
      one.edge,
      String(one.streams),
      milliseconds(one.rttUs),
      `${one.retired ? 'retired' : 'open'}${one.wrapped ? ', wrapped' : ''}`,
    ])
    parts.push(table(['TUNNEL TO', 'THROUGH EDGE', 'SESSIONS', 'ROUND TRIP', 'STATE'], rows))
  }
  if (decisions.length > 0) {
    const rows = decisions
      .slice(0, DECISIONS_SHOWN)
      .map(({ at, destination, outcome, code, hop, because, denial }) => [
        at,
        destination,
        outcome !== 'refused' ? outcome : style('red', `${code} (${hop})`),
        denial === undefined ? because : `${because} [${denial}]`,
      ])
    parts.push(table(['DECIDED AT', 'DESTINATION', 'OUTCOME', 'BECAUSE'], rows))
  }
  return parts.join('\n\n')
}
