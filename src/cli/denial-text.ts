import type { DenialResource } from '../api/trace.ts'
import { hostPort } from '../base/host-port.ts'
import { inLine, style } from './terminal.ts'

const FIELD_CHARS = 12

/** A refusal for an admin: who wanted what, what stood in the way, and what would let it pass. */
export function denialText(denial: DenialResource): string {
  const { names, user, device, host, port, protocol, condition } = denial
  const labelled = (id: string | undefined) =>
    id === undefined ? undefined : names[id] === undefined ? id : `${names[id]} ${style('dim', id)}`
  const rows: [string, string | undefined][] = [
    ['denial', denial.id],
    ['at', denial.at],
    [
      'again',
      denial.times === undefined ? undefined : `${denial.times} times in total, until ${denial.lastAt}`,
    ],
    ['user', labelled(user)],
    ['device', labelled(device)],
    ['from', denial.from],
    ['destination', `${hostPort({ host, port })}/${protocol}`],
    ['segment', denial.segment],
    ['rule', denial.rule],
    [
      'condition',
      condition &&
        `${condition.name}: wanted ${said(condition.wanted, ' or ')}, seen ${said(condition.seen, ', ')}`,
    ],
    ['would pass', denial.wouldPass],
    ['now', denial.trace],
  ]
  return [
    style('red', inLine(`${denial.hop} ${denial.code}: ${denial.detail}`)),
    ...rows.flatMap(([name, value]) =>
      value === undefined ? [] : [`  ${style('dim', name.padEnd(FIELD_CHARS))}${inLine(value)}`],
    ),
  ].join('\n')
}

function said(values: readonly string[], between: string): string {
  return values.join(between) || 'nothing'
}
