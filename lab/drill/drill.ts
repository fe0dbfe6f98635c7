/**
 * `lab drill`: something breaks at random, and the person at the terminal says what it is. Lines in and lines out, so
 * it works over any terminal, and from a file.
 *
 * @module
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { isFaultCode } from '../../src/base/faults.ts'
import { watchedOf } from '../hold.ts'
import { untilInterrupted } from '../interrupt.ts'
import { Lab } from '../lab.ts'
import { takeOrders } from '../orders.ts'
import { marks, noticed } from '../run-scenario.ts'
import { examined, nameOf, patientOf, type Variant } from '../scenario.ts'
import type { Chosen } from '../scenarios/all.ts'
import { pointsOf, type Round, readScores, scoreLine, scoresText } from './score.ts'

const SCORES = path.join(
  process.env.XDG_STATE_HOME ?? path.join(os.homedir(), '.local/state'),
  'backstitch',
  'drill',
)
const HELP = `answer with a fault code (EGRESS_BLOCKED) or a hop (edge), or say
  hint      a hint, for 2 points
  doctor    the doctor's report, for all points
  give up   the answer
  quit      end the drill`

/** Asks for one line. @returns Nothing when there are no more: end of input, or Ctrl-C. */
type Ask = (question: string) => Promise<string | undefined>

/** @param all Out of which it chooses; none comes twice before each came once. */
export async function drill(all: readonly Chosen[]): Promise<void> {
  using stop = untilInterrupted()
  using lines = readline.createInterface({ input: process.stdin, output: process.stdout })
  lines.on('SIGINT', () => process.emit('SIGINT'))
  const typed = lines[Symbol.asyncIterator]()
  const ask: Ask = async (question) => {
    process.stdout.write(question)
    const line = await Promise.race([typed.next(), stop.now])
    return line === undefined || line.done ? undefined : line.value.trim()
  }
  const lab = await Lab.up((line) => console.log(line))
  try {
    // So that "lab show" in another terminal shows this lab; what is broken it does not tell.
    await using _orders = await showOnly(lab)
    let left: Chosen[] = []
    for (let going = true; going && !stop.signal.aborted; ) {
      if (left.length === 0) left = [...all]
      const [one] = left.splice(Math.floor(Math.random() * left.length), 1)
      going = await round(lab, one!, ask)
    }
  } finally {
    await lab[Symbol.asyncDispose]()
  }
}

export function tellScores(): void {
  console.log(scoresText(scores()))
}

/** @returns Whether the person wants another. */
async function round(lab: Lab, one: Chosen, ask: Ask): Promise<boolean> {
  const { scenario, variant } = one
  const { machine } = patientOf(lab, variant)
  console.log('\nsomething is breaking …')
  try {
    const { since } = marks(lab)
    await variant.inject(lab)
    await noticed(lab, variant, since)
    console.log(`
${machine.name} is not healthy. Look around in another terminal:
  ip netns exec ${machine.namespace} bash
  tail ${machine.dir}/connector.log
  backstitch lab show

${HELP}`)
    const startedAt = performance.now()
    const played = await guess(lab, variant, ask)
    if (played === undefined) return false
    const tookSeconds = Math.round((performance.now() - startedAt) / 1000)
    const points = pointsOf(played)
    keep(scoreLine({ at: new Date().toISOString(), variant: nameOf(scenario, variant), points, tookSeconds }))
    const total = scores().reduce((sum, score) => sum + score.points, 0)
    console.log(
      `\n${points} points for this one, ${total} in total.\n\n${scenario.title}\n\n${scenario.story}\n`,
    )
    console.log(`Here: ${variant.does}. That is ${variant.hop} ${variant.code}.\n\nrepairing …`)
  } finally {
    await variant.restore?.(lab)
    await lab.repair()
  }
  const again = await ask('another one? [Y/n] ')
  return again !== undefined && !/^[nq]/i.test(again)
}

/** @returns How it went; nothing when the person had enough. */
async function guess(lab: Lab, variant: Variant, ask: Ask): Promise<Round | undefined> {
  const { hop, code } = variant
  const hints = [...variant.hints, `the hop is ${hop}`, `the code begins with ${code.split('_', 1)[0]}`]
  const played = { hints: 0, wrong: 0, told: false }
  for (;;) {
    const line = await ask('> ')
    if (line === undefined || /^quit$/i.test(line)) return undefined
    const answer = line.toUpperCase().replaceAll(/[ -]+/g, '_')
    if (answer === code) return played
    if (answer === 'GIVE_UP') return { ...played, told: true }
    if (answer === 'DOCTOR') {
      played.told = true
      console.log((await examined(lab, variant)).text)
    } else if (answer === 'HINT') {
      console.log(hints[played.hints] ?? 'there are no more hints')
      if (played.hints < hints.length) played.hints++
    } else if (answer === hop.toUpperCase()) console.log('the hop is right; which fault is it?')
    else if (isFaultCode(answer) || HOP_WORDS.test(answer)) {
      played.wrong++
      console.log('no, that is not it')
    } else if (answer !== '') console.log(`there is no code ${answer}; no points lost\n${HELP}`)
  }
}

const HOP_WORDS = /^(CLIENT|CONTROL|EDGE|CONNECTOR|DNS|APPLICATION)$/

function keep(line: string): void {
  mkdirSync(path.dirname(SCORES), { recursive: true })
  appendFileSync(SCORES, line)
}

function scores() {
  return existsSync(SCORES) ? readScores(readFileSync(SCORES, 'utf8')) : []
}

/** Nothing where another lab is up: that one is shown then. */
function showOnly(lab: Lab): Promise<AsyncDisposable | undefined> {
  return takeOrders(async (order, reply) => {
    if (order.do !== 'sockets')
      throw new Error('a drill is running: end it with "quit" or Ctrl-C in its terminal')
    reply(JSON.stringify(watchedOf(lab)))
  }).catch(() => undefined)
}
