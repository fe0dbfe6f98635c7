/**
 * Runs the long endings side by side, in a network namespace where it may drop what it likes. Prints one line of JSON
 * for each: its name, and what was wrong.
 */
import { succeed } from '../program.ts'
import { Conversation } from './conversation.ts'
import { ENTRIES } from './entries.ts'
import { KILLED, type LongEnding, PATIENCE_MS, type Silent, VANISHED } from './long-endings.ts'
import { World } from './world.ts'

type Begun = readonly (readonly [LongEnding, PromiseSettledResult<Silent>])[]

async function beginAll(world: World, endings: readonly LongEnding[]): Promise<Begun> {
  const begun = await Promise.allSettled(endings.map((ending) => ending.begin(world)))
  return endings.map((ending, at) => [ending, begun[at]!])
}

function silent(begun: Begun): Silent[] {
  return begun.flatMap(([, one]) => (one.status === 'fulfilled' ? [one.value] : []))
}

/** From now on nothing comes from these ports, and nothing gets there. */
async function drop(ports: readonly number[]): Promise<void> {
  const set = `{ ${ports.join(', ')} }`
  const rules = [
    'table inet vanished {',
    '  chain input {',
    '    type filter hook input priority 0;',
    `    tcp sport ${set} drop`,
    `    tcp dport ${set} drop`,
    '  }',
    '}',
  ]
  await succeed(['nft', '-f', '-'], { input: rules.join('\n') })
}

async function tell([{ name }, one]: Begun[number]): Promise<void> {
  let wrong: string | undefined
  try {
    if (one.status === 'rejected') throw one.reason
    await one.value.finish()
  } catch (error) {
    wrong = (error as Error).stack
  }
  process.stdout.write(`${JSON.stringify({ name, wrong })}\n`)
}

async function main(): Promise<void> {
  await using world = await World.open({ patienceMs: PATIENCE_MS })
  const killed = await beginAll(world, KILLED)
  await Promise.all([world.killClient(), world.killConnector()])
  for (const one of silent(killed)) one.killed?.()
  await Promise.all([world.startClient(), world.startConnector()])
  await world.settled()
  // The other device is there again, too, for as long as its command runs.
  const alone = ENTRIES.find((entry) => entry.process === 'alone')!
  using _again = await Conversation.open(world, alone, 0)
  const vanished = await beginAll(world, VANISHED)
  await drop(silent(vanished).flatMap(({ port }) => port ?? []))
  await Promise.all([...killed, ...vanished].map(tell))
}

await main()
process.exit() // connections to hosts that have vanished are still open
