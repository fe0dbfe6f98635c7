/**
 * `bin/node bench/page.ts RESULT.json` prints docs/benchmarks.md: how to read it, and the figures of that one run.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import type { Report } from './report.ts'
import { tableMarkdown, tableOf } from './table.ts'

const HOW_TO_READ = `# Benchmarks

Figures of one run of \`npm run bench\`, made into this page by \`bin/node bench/page.ts\`. Run it yourself: the
ratios travel between machines, the absolute figures do not.

## How to read it

- Ours and the others run side by side in one run. Every workload goes round all of them several times, in an order
  drawn anew each time, so that what the machine does meanwhile falls on everyone.
- A figure is the median over the rounds, with the least and the greatest in brackets; nothing is left out. A ratio is
  made within each round, then the median of those is taken: \`backstitch ÷ it\`.
- \`backstitch-again\` is the control: the same processes measured a second time. Its ratio says how far apart two
  equal things come out. A difference smaller than that is none.
- \`direct\` is the same load without a tunnel: it shows that the generators are not the limit.
- Everyone uses TLS 1.3 with AES-256-GCM and X25519 and P-256 certificates on both sides, or the nearest there is
  (ssh: AES-256-GCM and Curve25519; Nebula: AES-256-GCM in Noise), TCP_NODELAY, and cubic.
- CPU is user and system time of each process of a chain, per gigabyte carried. On loopback the kernel charges the
  receiving of a packet to its sender, so compare sums first.
- Round trips leave at a fixed pace, whether or not the one before is back: a stall counts for every message in it.
- Memory per idle session and per idle pipe is a slope over their number (proportional set size), not one process
  divided by its sessions. It holds what a run-time keeps for reuse.
- All ends share the cores of one machine. With more cores than busy processes the order may change: a chain of
  single-threaded processes then gains more than one that shares a core.

What the peers are not: HAProxy, stunnel and nginx here take inbound connections at the far side and know nothing of
users, policy or sessions; each connection is a TLS session of its own. \`ssh\` is the nearest in shape. Nebula is a
network, not access to one application.
`

const file = process.argv[2]
if (file === undefined) {
  console.error('usage: bin/node bench/page.ts RESULT.json > docs/benchmarks.md')
  process.exit(64)
}
console.log(page(JSON.parse(readFileSync(file, 'utf8')) as Report))

function page(report: Report): string {
  const { machine, options, isolation, peers, skipped, results, reference, verdicts } = report
  const names = peers.map(({ name }) => name)
  const seen = verdicts.filter(({ is }) => is !== 'not measured')
  return [
    HOW_TO_READ,
    '## This run',
    '',
    `${report.startedAt.slice(0, 10)}, ${Math.round(report.tookSeconds / 60)} minutes; ` +
      `${options.rounds} rounds, ${options.seconds} s per sample.`,
    `${machine.cores} × ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}; ` +
      `congestion control ${isolation.congestionControl}${isolation.namespace ? ', in namespaces of its own' : ''}.`,
    ...isolation.notes,
    '',
    '| name | what | encrypted | versions |',
    '| --- | --- | --- | --- |',
    ...peers.map(
      ({ name, title, protection, versions, note }) =>
        `| ${name} | ${title}${note ? `; ${note}` : ''} | ${protection} | ${versions} |`,
    ),
    ...skipped.map(({ name, reason }) => `| ${name} | skipped: ${reason.split('\n')[0]} | | |`),
    '',
    '## Targets',
    '',
    '| target | | saw |',
    '| --- | --- | ---: |',
    ...seen.map(({ target, is, saw }) => `| ${target} | ${is === 'missed' ? '**missed**' : is} | ${saw} |`),
    '',
    '## Figures',
    ...results
      .filter(({ rounds }) => rounds.length > 0)
      .flatMap((result) => {
        const table = tableOf(result, names, reference)
        return ['', `### ${result.workload.name}`, '', `${capital(table.title)}.`, '', tableMarkdown(table)]
      }),
  ].join('\n')
}

function capital(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}`
}
