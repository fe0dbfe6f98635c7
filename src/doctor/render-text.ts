import { type Painter, painter } from '../base/paint.ts'
import { shown } from '../base/visible-text.ts'
import { type CheckLine, type Finding, headline, type Report } from './report.ts'

const MARKS = { pass: '✓', fail: '✗', skip: '·', unknown: '?' } as const
const STYLES = { pass: 'green', fail: 'red', skip: 'dim', unknown: 'yellow' } as const
const HEADLINE_STYLES = { fault: 'red', healthy: 'green', unknown: 'yellow' } as const
const FIELD_CHARS = 10
const INDENT = ' '.repeat(2 + FIELD_CHARS)

/** The whole report; evidence is what others wrote. @param colour Escape sequences are written only where somebody sees them. */
export function renderText(report: Report, colour: boolean): string {
  return `${renderFirst(report, colour)}\n${renderRest(report, colour)}`
}

/** The headline and what goes with it: known as soon as the first verdict is certain. */
export function renderFirst(
  said: Pick<Report, 'outcome' | 'findings' | 'role' | 'slow'>,
  colour: boolean,
): string {
  const paint = painter(colour)
  const report = shown(said)
  const [root] = report.findings
  const first = paint(HEADLINE_STYLES[report.outcome], headline(report))
  return root === undefined ? first : `${first}\n${findingText(root, paint)}`
}

/** Everything after that. */
export function renderRest(report: Report, colour: boolean): string {
  const paint = painter(colour)
  const { findings, checks, run, durationMs } = shown(report)
  const beside = findings.slice(1).flatMap((also) => {
    const first = paint('red', `also: ${also.hop} ${also.code}: ${also.cause}`)
    return ['', first, findingText(also, paint)]
  })
  const last = paint('dim', `${run}, ${(durationMs / 1000).toFixed(1)} s`)
  return [...beside, '', ...checkLines(checks, paint), '', last].join('\n')
}

function findingText(finding: Finding, paint: Painter): string {
  const { expected, seen, fix, verify, scenario, code } = finding
  const field = (name: string, lines: readonly string[]) =>
    `  ${paint('dim', name.padEnd(FIELD_CHARS))}${lines.join(`\n${INDENT}`)}`
  return [
    field('expected', [expected]),
    field(
      'seen',
      seen.map((line) => line),
    ),
    field('fix', fix),
    field('verify', [verify.run, `shows: ${verify.expect}`]),
    field('more', [`docs/faults.md, ${code}${scenario === undefined ? '' : ` (scenario ${scenario})`}`]),
  ].join('\n')
}

function checkLines(checks: readonly CheckLine[], paint: Painter): string[] {
  const width = Math.max(...checks.map(({ title }) => title.length), 0)
  return checks.map(({ title, verdict, text }) => {
    return `  ${paint(STYLES[verdict], MARKS[verdict])} ${title.padEnd(width)}  ${said(verdict, text, paint)}`
  })
}

function said(verdict: CheckLine['verdict'], text: string, paint: Painter): string {
  if (verdict === 'pass') return text
  if (verdict === 'fail') return text.split(':', 1)[0]!
  return paint('dim', `${verdict === 'skip' ? 'skipped' : 'unknown'}: ${text}`)
}
