/**
 * The lab: `backstitch lab`. Real parts in network namespaces, broken one way at a time.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { missingHere } from './requirements.ts'
import { type Chosen, choose, SCENARIOS } from './scenarios/all.ts'
import { chooseQuick } from './scenarios/parts.ts'

const EXIT_FAILED = 1
const EXIT_CANNOT = 2
const EXIT_USAGE = 64

const program = new Command('backstitch lab')
  .description(
    'A real installation in network namespaces, broken one failure at a time: what does the doctor report?',
  )
  .showHelpAfterError()
  .exitOverride()

program.command('list').description('List every scenario and variant').action(list)
program
  .command('run')
  .description('Break it, wait until the system notices, ask the doctor, apply its fix, verify')
  .argument('[scenarios...]', 'one or more of SCN-05 or SCN-05:drop')
  .option('--all', 'run every scenario')
  .option('--quick', 'one variant of each scenario, and so every hop: two minutes')
  .option('--rest', 'all variants but those')
  .option(
    '--at-once <labs>',
    'number of labs to run in parallel; else as many as the processors have time for',
    positive,
  )
  .option('--report <file>', 'write the results to a file as JSON')
  .option('--examples <folder>', 'save what a person sees during each variant')
  .action(run)
program
  .command('show')
  .description('Show the six stages of each connector, live: of the running lab, or of any status socket')
  .option('--socket <file...>', 'status socket, or the state directory that contains it', [])
  .option('--once', 'show one frame, then exit')
  .action(async ({ socket, once }: { socket: string[]; once?: boolean }) => {
    const { show } = await import('./show/show.ts')
    await show({ sockets: socket, once: once ?? false })
  })
program.command('up').description('Start a lab to experiment with, until Ctrl-C').action(up)
for (const [name, does] of Object.entries({
  status: 'Show what runs in the running lab, and what is broken',
  down: 'Stop the running lab, and clean up after killed ones',
  fix: 'Undo what `break` broke',
})) {
  program
    .command(name)
    .description(does)
    .action(() => tell({ do: name }))
}
program
  .command('break')
  .description('Break the running lab')
  .argument('<scenario>', 'SCN-05:drop')
  .action((scenario: string) => tell({ do: 'break', scenario }))
program
  .command('drill')
  .description('A random failure; you name the cause')
  .argument('[scenarios...]', 'only these: SCN-05 or SCN-05:drop')
  .option('--scores', 'show your scores')
  .action(drill)

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  else {
    console.error((error as Error).message)
    process.exitCode ||= EXIT_FAILED
  }
}

function list(): void {
  for (const { id, title, story, variants } of SCENARIOS) {
    console.log(`${id}  ${title}\n\n${story.replaceAll(/^/gm, '    ')}\n`)
    for (const { name, does, hop, code } of variants) {
      console.log(`    ${`${id}:${name}`.padEnd(24)} ${does}\n${''.padEnd(29)}→ ${hop} ${code}`)
    }
    console.log('')
  }
}

interface RunFlags {
  readonly all?: boolean
  readonly quick?: boolean
  readonly rest?: boolean
  readonly report?: string
  readonly examples?: string
  readonly atOnce?: number
}

async function run(what: string[], o: RunFlags): Promise<void> {
  const { report, examples, atOnce } = o
  const chosen = o.quick || o.rest ? chooseQuick(o.quick ?? false) : wanted(what, o.all ?? false)
  demand()
  const { runAll } = await import('./run-all.ts')
  const { tableText } = await import('./table.ts')
  const results = await runAll(chosen, { atOnce, examples, say: (line) => console.error(line) })
  console.log(tableText(results))
  if (report !== undefined) writeFileSync(report, `${JSON.stringify(results, undefined, 2)}\n`)
  if (results.length < chosen.length || results.some(({ cured, skipped }) => !cured && skipped === undefined))
    process.exitCode = EXIT_FAILED
}

function wanted(what: readonly string[], all: boolean): Chosen[] {
  if (what.length === 0 && !all) throw usage('name a scenario, or use --all or --quick')
  if (all) return choose()
  return what.flatMap((name) => {
    const chosen = choose(name)
    if (chosen.length === 0) throw usage(`no scenario ${name}: backstitch lab list`)
    return chosen
  })
}

function positive(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Expected a number from 1 on.')
  return count
}

function usage(message: string): Error {
  process.exitCode = EXIT_USAGE
  return new Error(message)
}

async function up(): Promise<void> {
  demand()
  const { hold } = await import('./hold.ts')
  await hold((line) => console.log(line))
}

async function drill(what: string[], { scores }: { scores?: boolean }): Promise<void> {
  const chosen = wanted(what, what.length === 0)
  if (!scores) demand()
  const lesson = await import('./drill/drill.ts')
  if (scores) return lesson.tellScores()
  const possible = chosen.filter(({ variant }) => variant.impossible?.() === undefined)
  if (possible.length === 0) throw usage('this machine can run none of these')
  await lesson.drill(possible)
}

async function tell(order: { do: string; scenario?: string }): Promise<void> {
  if (order.scenario !== undefined) wanted([order.scenario], false)
  const { sendOrder } = await import('./orders.ts')
  process.exitCode = (await sendOrder(order, (text) => process.stdout.write(text))) ? 0 : EXIT_FAILED
}

function demand(): void {
  const missing = missingHere()
  if (missing.length === 0) return
  process.exitCode = EXIT_CANNOT
  throw new Error(`the lab cannot run here:\n${missing.map((line) => `  ${line}`).join('\n')}`)
}
