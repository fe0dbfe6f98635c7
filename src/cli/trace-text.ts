import type { TraceReport } from '../api/trace.ts'
import { hostPort } from '../base/host-port.ts'
import { painter } from '../base/paint.ts'
import { shown } from '../base/visible-text.ts'
import type { TraceStep } from '../wire/control.ts'
import { milliseconds } from './session-line.ts'

const MARKS = { pass: '✓', fail: '✗', skip: '·', unknown: '?' } as const
const STYLES = { pass: 'green', fail: 'red', skip: 'dim', unknown: 'yellow' } as const
const OUTCOME_STYLES = { fault: 'red', healthy: 'green', unknown: 'yellow' } as const
const FIELD_CHARS = 12
const HOP_CHARS = 12
const TIME_CHARS = 8

/** A trace for people: the verdict first, then what proves it and what to do, then every hop with its time. */
export function traceText(said: TraceReport, colour: boolean): string {
  const paint = painter(colour)
  const report = shown(said)
  const { finding, session, id, durationMs } = report
  const field = (name: string, lines: readonly string[]) =>
    lines.map((line, i) => `  ${paint('dim', (i === 0 ? name : '').padEnd(FIELD_CHARS))}${line}`)
  const why =
    finding === undefined
      ? []
      : [
          ...field(
            'seen',
            finding.seen.filter((line) => line !== finding.cause),
          ),
          ...(finding.wouldPass === undefined ? [] : field('would pass', [finding.wouldPass])),
          ...field('fix', finding.fix),
          ...field('verify', [finding.verify.run, `shows: ${finding.verify.expect}`]),
          ...field('more', [`docs/faults.md, ${finding.code}`]),
        ]
  const last = [
    `${id}, ${(durationMs / 1000).toFixed(1)} s`,
    ...(session === undefined ? [] : [`canary ${session}`]),
  ]
  return [
    paint(OUTCOME_STYLES[report.outcome], report.headline),
    ...why,
    '',
    ...field('from', [fromText(report)]),
    ...field('to', [toText(report)]),
    ...field(
      'known',
      (report.known ?? []).map(({ from, text }) => `${from} ${text}`),
    ),
    '',
    ...report.steps.map((step) => stepLine(step, colour)),
    '',
    paint('dim', last.join(', ')),
  ].join('\n')
}

/** One hop: how it went, how long it took, what was seen. */
export function stepLine(step: TraceStep, colour: boolean): string {
  const paint = painter(colour)
  const { hop, verdict, us, text, fault } = shown(step)
  const time = (us === undefined ? '' : milliseconds(us)).padStart(TIME_CHARS)
  const said =
    verdict === 'fail'
      ? `${fault?.code ?? 'failed'}: ${text}`
      : verdict === 'pass'
        ? text
        : paint('dim', `${verdict === 'skip' ? 'skipped' : 'unknown'}: ${text}`)
  return `  ${paint(STYLES[verdict], MARKS[verdict])} ${hop.padEnd(HOP_CHARS)}${time}  ${said}`
}

function fromText({ user, device, from }: TraceReport): string {
  if (device === undefined) return `${user.name}, who has no device`
  return from === 'device'
    ? `${user.name} on ${device.name}`
    : `${user.name} on ${device.name}, which is offline`
}

function toText({ host, port, protocol, segment, rule, connector, edge }: TraceReport): string {
  const where = `${hostPort({ host, port })}/${protocol}`
  const named = [
    ...(segment === undefined ? [] : [`segment ${segment}`]),
    ...(rule === undefined ? [] : [`rule ${rule}`]),
    ...(connector === undefined ? [] : [`connector ${connector}`]),
    ...(edge === undefined ? [] : [`edge ${edge}`]),
  ]
  return [where, ...named].join(', ')
}
