/**
 * `npm run bench`: ours and others side by side, in one run, on this machine.
 *
 * Runs itself again inside its own namespaces where the machine allows, starts every peer once, lets each workload
 * go round all of them, and writes one JSON file after each. Timing never fails it; a run that could not be made
 * does, and one in which our own path stopped serving.
 *
 * @module
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Application } from './application.ts'
import { makeCertificates } from './certificates.ts'
import { isInside, prepareNamespace, runInside } from './isolation.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { availablePeers, PEERS, type Skip } from './peers.ts'
import { isHere, SEARCH_PATH } from './programs.ts'
import { describeHeader, machineFacts, peerFacts, type Report } from './report.ts'
import { type Result, runWorkload } from './rounds.ts'
import { Starter, startAll } from './starter.ts'
import { tableOf, tableText } from './table.ts'
import { timeToVerdict, VERDICT } from './time-to-verdict.ts'
import { endDescendants } from './usage.ts'
import { timesText } from './verdict-times.ts'
import { describeVerdicts, judge } from './verdicts.ts'
import { selectWorkloads, WORKLOADS } from './workloads.ts'

/** Set for the inner run: the folder that the outer one removes. */
const DIR = 'BACKSTITCH_BENCH_DIR'
/** Programs without which nothing can be measured. */
const NEEDED = ['openssl', 'nginx', 'wrk', 'ip']

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2))
    if (options === 'help') return print(USAGE)
    if (options.list) return print(catalogue())
    if (options.only.includes(VERDICT.name)) return verdicts(options)
    process.env.PATH = SEARCH_PATH.join(':')
    const missing = NEEDED.filter((command) => !isHere(command))
    if (missing.length > 0) {
      throw new Error(
        `Cannot bench without ${missing.join(', ')}; Debian: apt-get install openssl nginx wrk iproute2`,
      )
    }
    // All that is wrong with what is asked for is said before anything starts.
    selectWorkloads(options.only)
    availablePeers(options.peers, { namespace: true, root: process.getuid?.() === 0 })
    return await withFolder(options)
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`)
    return 1
  }
}

function verdicts({ lab, out }: Options): number {
  const started = new Date()
  const times = timeToVerdict(lab)
  const file = out ?? resultFile(started)
  mkdirSync(path.dirname(file), { recursive: true })
  const report = { startedAt: started.toISOString(), machine: machineFacts(), verdict: times }
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`)
  return print(`${timesText(times)}\n\n${path.relative(process.cwd(), file)}`)
}

/** The outer half: makes the folder, hands over to the namespace, removes the folder whatever happened. */
async function withFolder(options: Options): Promise<number> {
  const inherited = process.env[DIR]
  if (isInside() && inherited) return bench(options, inherited)
  const dir = mkdtempSync(path.join(os.tmpdir(), 'backstitch-bench-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return (await runInside({ [DIR]: dir })) ?? (await bench(options, dir))
}

async function bench(options: Options, dir: string): Promise<number> {
  const started = new Date()
  const file = options.out ?? resultFile(started)
  const isolation = prepareNamespace()
  const { workloads, skipped: impossible } = selectWorkloads(options.only)
  const { peers, skipped: absent } = availablePeers(options.peers, isolation)
  const skipped: Skip[] = [...absent, ...impossible]
  for (const { name, reason } of skipped) print(`without ${name}: ${reason}`)
  await using owned = new AsyncDisposableStack()
  const stop = () => void owned.disposeAsync().finally(() => process.exit(130))
  process.prependOnceListener('exit', endDescendants).once('SIGINT', stop).once('SIGTERM', stop)

  progress('making certificates and starting the application')
  const certificates = makeCertificates(dir)
  const application = owned.use(await Application.start(path.join(dir, 'application')))
  const starter = new Starter(dir, {
    certificates,
    application,
    ...(options.profile && { profileDir: profileFolder(file) }),
  })
  const entries = await startAll(peers, { starter, owned, skipped, say: progress })
  const reference = entries[0]!.name

  const results: Result[] = []
  const died = new Map<string, string>()
  let finished = false
  const report = (): Report => ({
    startedAt: started.toISOString(),
    tookSeconds: Math.round((Date.now() - started.getTime()) / 1000),
    finished,
    machine: machineFacts(),
    options,
    isolation,
    reference,
    peers: entries.map((entry) => peerFacts(entry, died.get(entry.name))),
    skipped,
    results,
    verdicts: judge(results),
  })
  progress('')
  print(describeHeader(report()))
  for (const workload of workloads) {
    const result = await runWorkload(workload, entries, { options, starter, say: progress, died })
    progress('')
    results.push(result)
    // A run that is cut short leaves what it has.
    save(file, report())
    if (result.rounds.length === 0) continue
    const table = tableOf(
      result,
      entries.map(({ name }) => name),
      reference,
    )
    print(`\n${workload.name}: ${table.title}\n${tableText(table)}`)
  }
  finished = true
  print(describeVerdicts(judge(results)))
  save(file, report())
  print(`\n${path.relative(process.cwd(), file)}`)
  return 0
}

function save(file: string, report: Report): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`)
}

function resultFile(started: Date): string {
  return path.join(
    import.meta.dirname,
    'results',
    `${started.toISOString().slice(0, 19).replaceAll(':', '')}.json`,
  )
}

/** Beside the result file, named like it. */
function profileFolder(file: string): string {
  return path.resolve(file.replace(/\.json$/, '-profiles'))
}

function catalogue(): string {
  const rows = (items: readonly { name: string; title: string }[]) =>
    items.map(({ name, title }) => `  ${name.padEnd(18)}${title}`).join('\n')
  return `workloads\n${rows([...WORKLOADS, VERDICT])}\n\npeers\n${rows(PEERS)}`
}

function print(text: string): 0 {
  console.log(text)
  return 0
}

/** What is going on now, on a terminal only, in a line that the next one replaces. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
}
