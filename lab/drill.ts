/**
 * `lab drill`: something breaks at random, and the person at the terminal says what it is.
 *
 * @module
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline/promises'
import { consult } from './doctor.ts'
import { untilInterrupted } from './interrupt.ts'
import { Lab } from './lab.ts'
import { marks, noticed } from './run-scenario.ts'
import { nameOf, patientOf } from './scenario.ts'
import { type Chosen, choose } from './scenarios/all.ts'

const FULL_POINTS = 10
const HINT_COSTS = 2
const WRONG_COSTS = 1
const SCORES = path.join(
  process.env.XDG_STATE_HOME ?? path.join(os.homedir(), '.local/state'),
  'backstitch',
  'drill',
)

export async function drill(): Promise<void> {
  using stop = untilInterrupted()
  using lines = readline.createInterface({ input: process.stdin, output: process.stdout })
  lines.on('SIGINT', () => process.emit('SIGINT'))
  const lab = await Lab.up((line) => console.log(line))
  try {
    let going = true
    while (going && !stop.signal.aborted) {
      const all = choose().filter(({ variant }) => variant.impossible?.() === undefined)
      const one = all[Math.floor(Math.random() * all.length)]!
      going = await round(lab, one, (question) => lines.question(question, { signal: stop.signal }))
    }
  } catch (error) {
    if ((error as Error).name !== 'AbortError') throw error
  } finally {
    await lab[Symbol.asyncDispose]()
  }
}

/** @returns Whether the person wants another. */
async function round(lab: Lab, one: Chosen, ask: (question: string) => Promise<string>): Promise<boolean> {
  const { scenario, variant } = one
  const patient = patientOf(lab, variant)
  const since = marks(lab)
  console.log('\nsomething is breaking …')
  await variant.inject(lab)
  await noticed(lab, variant, since)
  const { namespace, dir } = patient.machine
  console.log(`\n${patient.machine.name} is not well. In another terminal:
  ip netns exec ${namespace} bash
  tail ${dir}/connector.log
Answer with a fault code (EGRESS_BLOCKED) or a hop; "hint", "doctor" or "give up".`)
  const points = await guess(one, lab, ask)
  keep(nameOf(scenario, variant), points)
  console.log(`\n${points} points, ${total()} in all.\n\n${scenario.title}\n\n${scenario.story}\n`)
  console.log(`Here: ${variant.does}. That is ${variant.hop} ${variant.code}.\n\nrepairing …`)
  await variant.restore?.(lab)
  await lab.repair()
  return !/^n/i.test(await ask('another one? [Y/n] '))
}

async function guess(
  { variant }: Chosen,
  lab: Lab,
  ask: (question: string) => Promise<string>,
): Promise<number> {
  let points = FULL_POINTS
  const hints = [...variant.hints]
  for (;;) {
    const answer = (await ask('> ')).trim().toUpperCase().replaceAll(' ', '_')
    if (answer === variant.code) return Math.max(points, 0)
    if (answer === 'GIVE_UP') return 0
    if (answer === 'DOCTOR') {
      points = 0
      console.log((await consult(patientOf(lab, variant), variant.app)).text)
    } else if (answer === 'HINT') {
      points -= HINT_COSTS
      console.log(hints.shift() ?? `the code has ${variant.code.length} letters, the hop is ${variant.hop}`)
    } else if (answer === variant.hop.toUpperCase()) console.log('the hop is right; which fault is it?')
    else if (answer !== '') {
      points -= WRONG_COSTS
      console.log('no, that is not it')
    }
  }
}

function keep(name: string, points: number): void {
  mkdirSync(path.dirname(SCORES), { recursive: true })
  appendFileSync(SCORES, `${new Date().toISOString()} ${name} ${points}\n`)
}

/** Points of every drill of this person so far. */
function total(): number {
  if (!existsSync(SCORES)) return 0
  const lines = readFileSync(SCORES, 'utf8').trim().split('\n')
  return lines.reduce((sum, line) => sum + Number(line.split(' ')[2] ?? 0), 0)
}
