/**
 * The ways to end that take more than a minute: a host that vanishes without a word, and agents both of which do.
 *
 * @module
 */
import assert from 'node:assert/strict'
import type { SessionResource } from '../../src/api/sessions.ts'
import { Conversation } from './conversation.ts'
import { ENTRIES, type Entry } from './entries.ts'
import { assertClosed, assertHonest, assertRecorded, type Close } from './judge.ts'
import { ANSWER, body, LARGE, SMALL } from './message.ts'
import { Flow } from './udp.ts'
import type { World } from './world.ts'

export interface LongEnding {
  readonly name: string
  begin(world: World): Promise<Silent>
}

/** It has come half-way, and nobody says anything more. */
export interface Silent {
  /** Of the host that is to vanish. */
  readonly port?: number
  /** Both agents have been killed. */
  killed?(): void
  /** Waits for the end. @throws {AssertionError} if what is seen, or on record, is not right. */
  finish(): Promise<void>
}

/** For an end to be seen, and on record: a minute of silence and ten probes here, and half a minute more there. */
export const PATIENCE_MS = 180_000

/** One who vanishes says nothing, and hears nothing. The record says whose host it was. */
export const VANISHED: readonly LongEnding[] = [
  ...ENTRIES.map((entry) => ({
    name: `${entry.name}: vanished host of the application`,
    begin: (world: World) => download(world, entry).then((both) => vanishedApplication(world, both)),
  })),
  // The program of `client connect` is on the same host as that.
  ...ENTRIES.filter((entry) => entry.process === undefined).map((entry) => ({
    name: `${entry.name}: vanished host of the program`,
    begin: (world: World) => upload(world, entry).then((both) => vanishedProgram(world, both)),
  })),
]

/** Nobody is left to say how it ended, and those who come next do not know. */
export const KILLED: readonly LongEnding[] = [
  ...ENTRIES.filter(({ lane }) => lane === 'private').map((entry) => ({
    name: `${entry.name}: client and connector killed`,
    begin: (world: World) => killedSession(world, entry),
  })),
  { name: 'UDP: client and connector killed', begin: killedFlow },
]

async function download(world: World, entry: Entry): Promise<Conversation> {
  const both = await Conversation.open(world, entry, 0)
  both.application.send(ANSWER)
  both.application.send(body(SMALL))
  await both.program.until(({ bodyBytes }) => bodyBytes === SMALL)
  return both
}

async function upload(world: World, entry: Entry): Promise<Conversation> {
  const both = await Conversation.open(world, entry, LARGE)
  both.program.send(body(SMALL))
  await both.application.until(({ bodyBytes }) => bodyBytes === SMALL)
  return both
}

function vanishedApplication(world: World, both: Conversation): Silent {
  const close: Close = { reason: 'APP_RESET', hop: 'application' }
  return { port: both.port, finish: () => assertBroken(world, both, 'program', close) }
}

function vanishedProgram(world: World, both: Conversation): Silent {
  const close: Close = { reason: 'CLIENT_RESET', hop: 'client' }
  return {
    port: both.program.localPort!,
    finish: () => assertBroken(world, both, 'application', close),
  }
}

async function assertBroken(
  world: World,
  both: Conversation,
  left: 'program' | 'application',
  close: Close,
): Promise<void> {
  const { end, bodyBytes, intact } = await both[left].over(PATIENCE_MS)
  assert.deepEqual({ end, bodyBytes, intact }, { end: 'reset', bodyBytes: SMALL, intact: true }, left)
  if (both.entry.lane === 'straight') return assert.equal(world.records.of(both.port).length, 0, 'no session')
  assertClosed(await assertRecorded(world.records, both.port, ['client', 'connector']), close)
}

async function killedSession(world: World, entry: Entry): Promise<Silent> {
  const both = await download(world, entry)
  await assertOpen(world, both.port)
  return {
    killed() {
      if (entry.process === 'alone') both.program.cut()
    },
    async finish() {
      const [program, application] = await Promise.all([
        both.program.over(PATIENCE_MS),
        both.application.over(PATIENCE_MS),
      ])
      assertHonest('program', program, entry.process === undefined)
      assertHonest('application', application, true)
      await assertVanished(world, both.port)
    },
  }
}

async function killedFlow(world: World): Promise<Silent> {
  const flow = await Flow.open(world)
  await flow.exchange()
  await assertOpen(world, flow.application.port)
  return { finish: () => assertVanished(world, flow.application.port) }
}

/** What is killed before it has said that a session is open leaves no record. */
async function assertOpen({ records }: World, port: number): Promise<void> {
  const bothSaid = ([record]: SessionResource[]) =>
    record?.sides.client !== undefined && record.sides.connector !== undefined
  const [record] = await records.once(port, bothSaid)
  assert.equal(record?.state, 'open', 'on record before')
}

async function assertVanished({ records }: World, port: number): Promise<void> {
  const record = await assertRecorded(records, port, [])
  assertClosed(record, { reason: 'AGENT_VANISHED', hop: 'connector' })
}
