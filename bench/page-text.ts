/**
 * The page of benchmarks out of the results of a run, of one before it, and of what people have written on it.
 *
 * @module
 */

import type { PeerFacts, Report } from './report.ts'
import { tableMarkdown, tableOf } from './table.ts'
import { judge, type Verdict } from './verdicts.ts'

/** What dies of long load is not seen in less. */
const LONG_MINUTES = 30

const MADE = [
  'How to read it',
  'What is reached, and what is not',
  'The run',
  'The run before',
  'Figures',
  'Figures before',
]

const HOW_TO_READ = `# Benchmarks

Figures of \`npm run bench\`, made into this page by \`bin/node bench/page.ts\`. Run it yourself: the ratios travel between
machines, the absolute figures do not.

## How to read it

- Ours and the others run side by side in one run. Every workload visits all of them several times, in an order drawn
  each time, so that interference from the machine affects all of them.
- A figure is the median over the rounds, with the least and the greatest in brackets; nothing is left out. A ratio is
  made within each round, then the median of those is taken: \`backstitch ÷ it\`.
- \`backstitch-again\` is the control: the same processes measured a second time. Its ratio says how far apart two
  equal things come out. A difference smaller than that is none.
- \`direct\` is the same load without a tunnel: it shows that the generators are not the limit.
- Everyone uses TLS 1.3 with AES-256-GCM and X25519 and P-256 certificates on both sides, or the nearest there is
  (ssh: AES-256-GCM and Curve25519; Nebula: AES-256-GCM in Noise; rathole, frp, chisel and OpenZiti as they come; bore
  encrypts nothing), TCP_NODELAY, and cubic.
- CPU is user and system time of each process of a chain, per gigabyte carried. On loopback the kernel charges the
  receiving of a packet to its sender, so compare sums first.
- Round trips leave at a fixed pace, whether or not the one before is back: a stall counts for every message in it.
- Memory per idle session and per idle pipe is a slope over their number (proportional set size), not one process
  divided by its sessions. It holds what a run-time keeps for reuse. Live memory is what a collection leaves.
- All ends share the cores of one machine. With more cores than busy processes the order may change: a chain of
  single-threaded processes then gains more than one that shares a core.
- The peers are not all of one kind: what each of them does not do stands in the table of the run.
`

/** One run out of its parts: what a later one measured again counts. */
export function whole(parts: readonly Report[]): Report {
  const [first] = parts
  const results = new Map(
    parts.flatMap((part) => part.results).map((result) => [result.workload.name, result]),
  )
  const peers = new Map(parts.flatMap((part) => part.peers).map((peer) => [peer.name, peer]))
  const skipped = new Map(parts.flatMap((part) => part.skipped).map((skip) => [skip.name, skip]))
  return {
    ...first!,
    tookSeconds: parts.reduce((sum, { tookSeconds }) => sum + tookSeconds, 0),
    finished: parts.every(({ finished }) => finished),
    results: [...results.values()],
    peers: [...peers.values()],
    skipped: [...skipped.values()].filter(({ name }) => !peers.has(name)),
  }
}

/** @param old The page as it is: sections that are not made here are taken from it. */
export function pageOf({ after, before, old }: { after: Report; before?: Report; old: string }): string {
  return [
    HOW_TO_READ,
    ...goals(after, before),
    '',
    ...describeRun('The run', after),
    '',
    ...(before ? [...describeRun('The run before', before), ''] : []),
    ...keptSections(old).flatMap((section) => [section, '']),
    ...figures('Figures', after),
    ...(before ? ['', ...figures('Figures before', before)] : []),
    '',
  ].join('\n')
}

function goals(after: Report, before: Report | undefined): string[] {
  const verdicts = judge(after.results)
  const earlier = new Map(judge(before?.results ?? []).map((verdict) => [verdict.target, verdict]))
  const cells = ({ target, is, saw, control }: Verdict) => {
    const then = earlier.get(target)
    const was = then && then.is !== 'not measured' ? [then.saw] : ['']
    return [target, ...(before ? was : []), is === 'not measured' ? '' : saw, control, word(is)]
  }
  const head = ['goal', ...(before ? ['before'] : []), before ? 'after' : 'figure', 'control', '']
  return [
    '## What is reached, and what is not',
    '',
    'Of each goal: the figure, which is ours ÷ the other where the goal names one, and the same figure of the control.',
    '',
    line(head),
    line(head.map((_, column) => (column === 0 || column === head.length - 1 ? '---' : '---:'))),
    ...verdicts.map((verdict) => line(cells(verdict))),
  ]
}

function word(is: Verdict['is']): string {
  return is === 'missed' ? '**missed**' : is
}

function describeRun(title: string, report: Report): string[] {
  const { machine, options, isolation, peers, skipped } = report
  const minutes = Math.round(report.tookSeconds / 60)
  return [
    `## ${title}`,
    '',
    `${report.startedAt.slice(0, 10)}, ${minutes} minutes; ${options.rounds} rounds, ${options.seconds} s per sample.` +
      (minutes < LONG_MINUTES ? ' Too short to show what fails under long load.' : '') +
      (report.finished ? '' : ' It was stopped before its end.'),
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; ` +
      `congestion control ${isolation.congestionControl}${isolation.namespace ? ', in namespaces of its own' : ''}.`,
    ...isolation.notes,
    '',
    line(['name', 'what', 'encrypted', 'what it does not do', 'versions']),
    line(['---', '---', '---', '---', '---']),
    ...peers.map(peerRow),
    ...skipped.map(({ name, reason }) => line([name, `left out: ${reason.split('\n')[0]}`, '', '', ''])),
  ]
}

function peerRow({ name, title, protection, lacks, versions, note, died }: PeerFacts): string {
  const what = [title, note, died].filter(Boolean).join('; ')
  return line([name, what, protection, lacks, versions])
}

function figures(title: string, { results, peers, reference }: Report): string[] {
  const names = peers.map(({ name }) => name)
  return [
    `## ${title}`,
    ...results
      .filter(({ rounds }) => rounds.length > 0)
      .flatMap((result) => {
        const table = tableOf(result, names, reference)
        return ['', `### ${result.workload.name}`, '', `${capital(table.title)}.`, '', tableMarkdown(table)]
      }),
  ]
}

/** Each with its heading. */
function keptSections(old: string): string[] {
  const [, ...sections] = old.split(/^(?=## )/m)
  return sections
    .map((section) => section.trimEnd())
    .filter((section) => !MADE.includes(/^## (.*)$/m.exec(section)![1]!))
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

function capital(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`
}
