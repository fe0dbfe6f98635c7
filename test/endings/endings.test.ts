/**
 * Every way in × every way to end. A row is an entry, a column an ending, a cell a test named `entry: ending`.
 *
 * One installation serves them all. A column runs as a whole, all entries side by side, when its first cell is asked for.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DISTURBANCES, type Disturbance } from './disturbances.ts'
import { ENDINGS, type Ending, type Played } from './endings.ts'
import { DIRECT, ENTRIES, type Entry } from './entries.ts'
import { assertClosed, assertRecorded, assertSame } from './judge.ts'
import { beginTransfers, type Underway } from './transfers.ts'
import { beginFlow, Flow, UDP_ENDINGS } from './udp.ts'
import { World } from './world.ts'

let world: World
before(async () => {
  world = await World.open()
})
after(() => world?.[Symbol.asyncDispose]())

for (const ending of ENDINGS) {
  const column = once(() => new Map([DIRECT, ...ENTRIES].map((entry) => [entry, playAll(ending, entry)])))
  for (const entry of ENTRIES) {
    test(`${entry.name}: ${ending.name}`, async () => {
      const played = column()
      const [direct] = await played.get(DIRECT)!
      for (const seen of await played.get(entry)!) await judge(ending, entry, seen, direct!)
    })
  }
}

async function playAll(ending: Ending, entry: Entry): Promise<Played[]> {
  const seen: Played[] = []
  for (let time = 0; time < (ending.times ?? 1); time++) seen.push(await ending.play(world, entry))
  return seen
}

async function judge({ close, times }: Ending, entry: Entry, seen: Played, direct: Played): Promise<void> {
  if (times === undefined) assertSame(entry, seen, direct)
  else assertSame(entry, { program: { ...seen.program!, end: direct.program!.end } }, direct)
  if (entry.lane === 'straight') return assert.equal(world.records.of(seen.port).length, 0, 'no session')
  // A client of its own that is killed takes its tunnel with it, and says nothing more.
  const died = entry.process === 'alone' && close.reason === 'CLIENT_RESET'
  const record = await assertRecorded(
    world.records,
    seen.port,
    died ? ['connector'] : ['client', 'connector'],
  )
  assertClosed(record, died ? { reason: 'TUNNEL_LOST', hop: 'connector' } : close, seen)
}

for (const { name, play, close } of UDP_ENDINGS) {
  test(`UDP: ${name}`, async () => {
    await using flow = await Flow.open(world)
    await flow.exchange()
    await play(flow)
    const record = await assertRecorded(world.records, flow.application.port, ['client', 'connector'])
    assertClosed(record, close)
  })
}

interface Row {
  readonly name: string
  begin(world: World): Promise<Underway>
}

const ROWS: readonly Row[] = [
  ...ENTRIES.map((entry) => ({ name: entry.name, begin: (one: World) => beginTransfers(one, entry) })),
  { name: 'UDP', begin: beginFlow },
]

for (const disturbance of DISTURBANCES) {
  const column = once(() => disturb(disturbance))
  for (const row of ROWS) {
    test(`${row.name}: ${disturbance.name}`, async () => {
      const outcome = (await column()).get(row)!
      if (outcome.status === 'rejected') throw outcome.reason
    })
  }
}

async function disturb(disturbance: Disturbance): Promise<Map<Row, PromiseSettledResult<void>>> {
  using over = new DisposableStack()
  const begun = await Promise.allSettled(ROWS.map(async (row) => over.use(await row.begin(world))))
  for (const one of begun) if (one.status === 'fulfilled') one.value.happen(disturbance)
  await disturbance.happen(world)
  const finished = await Promise.allSettled(
    begun.map((one) =>
      one.status === 'fulfilled' ? one.value.finish(disturbance) : Promise.reject(one.reason),
    ),
  )
  await disturbance.restore(world)
  return new Map(ROWS.map((row, at) => [row, finished[at]!]))
}

/** What `make` makes, when it is first wanted. */
function once<T>(make: () => T): () => T {
  const made: T[] = []
  return () => {
    if (made.length === 0) made.push(make())
    return made[0]!
  }
}
