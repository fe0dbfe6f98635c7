/**
 * The ways to end that a direct connection has, too. Each is a short play of a program and an application; what both
 * see through an entry must be what both see without Backstitch.
 *
 * @module
 */
import { Conversation, still, type Views } from './conversation.ts'
import type { Entry } from './entries.ts'
import type { Close } from './judge.ts'
import { playKilled } from './killed-application.ts'
import { ANSWER, body, LARGE, SMALL } from './message.ts'
import type { World } from './world.ts'

export interface Played extends Views {
  /** Of the application. */
  readonly port: number
}

export interface Ending {
  readonly name: string
  readonly close: Close
  play(world: World, entry: Entry): Promise<Played>
  /** It is a matter of what comes first, so once is not enough, and either end is right behind all the bytes. */
  readonly times?: number
}

export const ENDINGS: readonly Ending[] = [
  {
    name: 'FIN of the application',
    close: { reason: 'done', hop: 'application' },
    play: talk(SMALL, async (both) => {
      const { program, application } = both
      program.send(body(SMALL))
      await application.until(({ whole }) => whole)
      application.send(ANSWER)
      application.send(body(LARGE))
      application.end()
      await program.inputOver()
      program.end()
      return both.over()
    }),
  },
  {
    name: 'FIN of the program',
    close: { reason: 'done', hop: 'client' },
    play: talk(LARGE, async (both) => {
      const { program, application } = both
      program.send(body(LARGE))
      program.end()
      await application.inputOver()
      application.send(ANSWER)
      application.send(body(SMALL))
      application.end()
      return both.over()
    }),
  },
  {
    name: 'half-close of the program',
    close: { reason: 'done', hop: 'client' },
    play: talk(0, async (both) => {
      const { program, application } = both
      program.end()
      await application.inputOver()
      application.send(ANSWER)
      application.send(body(LARGE))
      await program.until(({ bodyBytes }) => bodyBytes === LARGE)
      application.end()
      return both.over()
    }),
  },
  {
    name: 'half-close of the application',
    close: { reason: 'done', hop: 'application' },
    play: talk(LARGE, async (both) => {
      const { program, application } = both
      application.send(ANSWER)
      application.send(body(SMALL))
      application.end()
      await program.inputOver()
      program.send(body(LARGE))
      program.end()
      return both.over()
    }),
  },
  {
    name: 'RST of the application',
    close: { reason: 'APP_RESET', hop: 'application' },
    play: talk(SMALL, async ({ program, application }) => {
      application.send(ANSWER)
      application.send(body(SMALL))
      await program.until(({ bodyBytes }) => bodyBytes === SMALL)
      application.cut()
      return { program: await program.over() }
    }),
  },
  {
    name: 'RST of the program',
    close: { reason: 'CLIENT_RESET', hop: 'client' },
    play: talk(LARGE, async ({ program, application }) => {
      program.send(body(SMALL))
      await application.until(({ bodyBytes }) => bodyBytes === SMALL)
      program.cut()
      return { application: await application.over() }
    }),
  },
  {
    name: 'application killed, with nothing unread',
    close: { reason: 'done', hop: 'application' },
    play: (world, entry) => playKilled(world, entry, 'reads'),
  },
  {
    name: 'application killed, with an unread upload',
    close: { reason: 'APP_RESET', hop: 'application' },
    play: (world, entry) => playKilled(world, entry, 'reads nothing'),
  },
  {
    name: 'slow reader',
    close: { reason: 'done', hop: 'application' },
    play: talk(0, async (both) => {
      const { program, application } = both
      application.send(ANSWER)
      application.send(body(3 * LARGE))
      application.end()
      for (let bytes = LARGE; bytes < 3 * LARGE; bytes += LARGE) {
        await program.until(({ bodyBytes }) => bodyBytes >= bytes)
        program.hold()
        await still([program, application])
        program.goOn()
      }
      await program.inputOver()
      program.end()
      return both.over()
    }),
  },
  {
    name: 'early answer',
    close: { reason: 'APP_RESET', hop: 'application' },
    times: 4,
    play: talk(LARGE, async ({ program, application }) => {
      application.hold()
      program.send(body(LARGE))
      application.send(ANSWER)
      application.send(body(SMALL))
      application.leave()
      return { program: await program.over() }
    }),
  },
]

/** @param uploadBytes Of the body of the request. */
function talk(uploadBytes: number, script: (both: Conversation) => Promise<Views>): Ending['play'] {
  return async (world, entry) => {
    using both = await Conversation.open(world, entry, uploadBytes)
    return { ...(await script(both)), port: both.port }
  }
}
