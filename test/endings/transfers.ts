/**
 * What is under way through one entry when something happens: a download and an upload, of each of which the last
 * megabytes wait behind a reader that does not read.
 *
 * @module
 */
import assert from 'node:assert/strict'
import { Conversation, still, type Views } from './conversation.ts'
import type { Disturbance } from './disturbances.ts'
import type { Entry } from './entries.ts'
import { assertClosed, assertHonest, assertRecorded } from './judge.ts'
import { ANSWER, body } from './message.ts'
import type { World } from './world.ts'

const WHOLE_BYTES = 16_000_000
/** More than the kernel keeps for a connection that is not read, so that our own processes hold some of it. */
const TAIL_BYTES = 10_000_000

/** Of one row of the table. */
export interface Underway extends Disposable {
  /** It happens now. */
  happen(disturbance: Disturbance): void
  /** Goes on to the end. @throws {AssertionError} if what is seen, or on record, is not right. */
  finish(disturbance: Disturbance): Promise<void>
}

/** Opens both and lets them come as far as they can. */
export async function beginTransfers(world: World, entry: Entry): Promise<Underway> {
  using opening = new DisposableStack()
  const download = opening.use(await Conversation.open(world, entry, 0))
  const upload = opening.use(await Conversation.open(world, entry, WHOLE_BYTES))
  download.application.send(ANSWER)
  download.application.send(body(WHOLE_BYTES))
  download.application.end()
  upload.program.send(body(WHOLE_BYTES))
  upload.program.end()
  const readers = [download.program, upload.application]
  await Promise.all(
    readers.map(async (reader) => {
      await reader.until(({ bodyBytes }) => bodyBytes >= WHOLE_BYTES - TAIL_BYTES)
      reader.hold()
    }),
  )
  await still([download, upload].flatMap(({ program, application }) => [program, application]))
  const owned = opening.move()
  return {
    happen({ dead }) {
      // What runs on a device of its own is not killed with the daemon of another one.
      if (entry.process === 'alone' && dead?.includes('client'))
        for (const { program } of [download, upload]) program.cut()
    },
    async finish(disturbance) {
      const [down, up] = await Promise.all([readDown(download), readUp(upload)])
      await assertEnd(world, download, down, disturbance)
      await assertEnd(world, upload, up, disturbance)
    },
    [Symbol.dispose]: () => owned.dispose(),
  }
}

async function readDown(download: Conversation): Promise<Required<Views>> {
  await download.program.inputOver()
  download.program.end()
  return download.over()
}

/** The application answers an upload that came to its end, and no other. */
async function readUp(upload: Conversation): Promise<Required<Views>> {
  const { application } = upload
  await application.inputOver()
  if (application.message.whole) application.send(ANSWER)
  application.end()
  return upload.over()
}

async function assertEnd(
  { records }: World,
  { entry, port }: Conversation,
  views: Required<Views>,
  { reason, dead = [] }: Disturbance,
): Promise<void> {
  const { program, application } = views
  const spared = reason === undefined || (entry.lane !== 'private' && !dead.includes('client'))
  assertHonest('program', program, dead.includes('client') && !entry.process)
  assertHonest(
    'application',
    application,
    entry.lane === 'straight' ? dead.includes('client') : dead.includes('connector'),
  )
  if (spared) assert.deepEqual([program.whole, application.whole], [true, true], 'nothing happened to it')
  if (entry.lane !== 'private') return assert.equal(records.of(port).length, 0, 'no session')
  const left = (['client', 'connector'] as const).filter((side) => !dead.includes(side))
  const record = await assertRecorded(records, port, left)
  if (spared) assertClosed(record, { reason: 'done', hop: record.closeHop! }, views)
  // Nobody had said yet that nothing more comes, in both directions: it was cut.
  else assert.equal(record.closeReason, reason, record.closeDetail ?? 'recorded')
}
