import { hostPort } from '../base/host-port.ts'
import { shown } from '../base/visible-text.ts'
import { askAbout } from '../client/address/ask-about.ts'
import type { LocalUsersStatus } from '../client/entry/local-users.ts'
import type { ClientStatus } from '../client/status.ts'
import { clockText } from './clock-text.ts'
import { edgesText } from './edges-text.ts'
import { factsText } from './facts.ts'
import { notesOf } from './notes.ts'
import { outageText } from './outage-text.ts'
import { bytesText, milliseconds } from './session-line.ts'
import { stateText, style, table } from './terminal.ts'
import { waitsText } from './waits-text.ts'

const DECISIONS_SHOWN = 8
const REFUSALS_SHOWN = 2
/** What was sent later than this may be refused yet, and says nothing of the refusal before. */
const MAY_YET_FAIL_MS = 15_000

/** What the client says of itself, for people. */
export function clientStatusText(said: ClientStatus): string {
  const status = shown(said)
  const { edge, sessions, fault, certificate, tunnels, forwards, decisions } = status
  const parts = [
    factsText([
      [
        'client',
        `${stateText(status.state)}, version ${status.version}, process ${status.pid}${workersText(status.workers)}`,
      ],
      ['user', status.user],
      ['device', status.id],
      ['sign-in', status.signInEnds && `until ${status.signInEnds}; after that: backstitch client login`],
      ['certificate', certificate && `until ${certificate.notAfter}`],
      ['edge', edge && `${hostPort(edge)}${edge.rttUs ? `, ${milliseconds(edge.rttUs)} away` : ''}`],
      ['clock', clockText(status.clockSkewMs)],
      ['local proxy', [status.proxy ?? [], status.proxySockets].flat().join(', ') || 'none'],
      ['local users', localUsersText(status.localUsers)],
      ...notesOf(status.notes),
      ...waitsText(status.waiting),
      ['fault', fault && `${style('red', fault.code)} (${fault.hop}): ${fault.detail}`],
      [
        'sessions',
        `${sessions.open} open, ${sessions.total} in total, ${sessions.failed} failed; ${bytesText(sessions.bytesUp)} up, ${bytesText(sessions.bytesDown)} down`,
      ],
    ]),
  ]
  parts.push(...silentText(status))
  const outages = outageText(status.outages)
  if (outages.length > 0) parts.push(outages.join('\n'))
  for (const { local, to, protocol } of forwards) parts.push(`forward ${local} leads to ${to}/${protocol}`)
  parts.push(...edgesText(status.edges))
  if (tunnels.length > 0) {
    const rows = tunnels.map((one) => [
      one.connectorName ?? one.connector,
      status.edges?.find(({ id }) => id === one.edge)?.name ?? one.edge,
      String(one.streams),
      milliseconds(one.rttUs),
      `${one.retired ? 'retired' : 'open'}${one.wrapped ? ', wrapped' : ''}`,
    ])
    parts.push(table(['TUNNEL TO', 'THROUGH EDGE', 'SESSIONS', 'ROUND TRIP', 'STATE'], rows))
  }
  if (decisions.length > 0) {
    const rows = decisions
      .slice(0, DECISIONS_SHOWN)
      .map(({ at, destination, outcome, code, hop, because, denial, times }) => [
        at,
        destination,
        `${outcome !== 'refused' ? outcome : style('red', `${code} (${hop})`)}${times > 1 ? `, ${times} times` : ''}`,
        denial === undefined ? because : `${because} [${denial}]`,
      ])
    parts.push(table(['DECIDED AT', 'DESTINATION', 'OUTCOME', 'BECAUSE'], rows))
    parts.push(...refusalsText(decisions))
  }
  return parts.join('\n\n')
}

/** Programs wait for these, or get less than they asked for: what was seen, and whom to tell. */
function silentText({ notes, user }: ClientStatus): string[] {
  return notes
    .filter(({ seen }) => seen?.host !== undefined && seen.more !== undefined)
    .map(({ code, hop, detail, seen = {} }) => {
      const lines = (name: string) => (Array.isArray(seen[name]) ? seen[name].map(String) : [])
      const app = hostPort({ host: String(seen.host), port: Number(seen.port) })
      const admin = user === undefined ? [] : [`an admin asks: backstitch trace ${user} ${app}`]
      return [
        `${style('red', `${hop} ${code}`)}: ${detail}`,
        ...lines('saw').map((line) => `  saw   ${line}`),
        ...[...lines('fix'), ...admin].map((line) => `  fix   ${line}`),
        `  more  ${seen.more}`,
      ].join('\n')
    })
}

/**
 * What programs were told as a number, in words: the last few that nothing better came after. A document of
 * before has no words.
 */
function refusalsText(decisions: ClientStatus['decisions']): string[] {
  const nowMs = Date.now()
  const over = new Set<string>()
  return decisions
    .filter(({ at, destination, outcome, more }) => {
      const fails = outcome === 'refused'
      const isNews = fails && more !== undefined && !over.has(destination)
      if (fails || Date.parse(at) + MAY_YET_FAIL_MS < nowMs) over.add(destination)
      return isNews
    })
    .slice(0, REFUSALS_SHOWN)
    .map(({ destination, code, hop, because, fix, more, ask }) =>
      [
        `${destination} ${style('red', `${hop} ${code}`)}: ${because}`,
        `  fix   ${fix}`,
        ...(ask === undefined ? [] : [`  ask   an admin: ${ask}`]),
        // What names no destination leads here, and here nothing more is known of it.
        `  more  ${more === askAbout(undefined) ? `backstitch explain ${code}` : more}`,
      ].join('\n'),
    )
}

/** A client of before knows none. */
function workersText(workers: readonly number[] = []): string {
  return workers.length === 0 ? '' : `, sessions also in process ${workers.join(', ')}`
}

function localUsersText({ may, refused, lastRefused }: LocalUsersStatus): string {
  return refused === 0 ? may : `${may}; ${refused} refused, the last ${lastRefused}`
}
