/**
 * An application that is a process, answers, and is killed.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { ask, still } from './conversation.ts'
import type { Played } from './endings.ts'
import type { Entry } from './entries.ts'
import { body, LARGE, SMALL } from './message.ts'
import type { World } from './world.ts'

const MAIN = path.join(import.meta.dirname, 'application-main.ts')

/** @param reads With bytes that it has not read, the kernel says RST for it, else FIN. */
export async function playKilled(
  world: World,
  entry: Entry,
  reads: 'reads' | 'reads nothing',
): Promise<Played> {
  const application = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, reads], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(createInterface({ input: application.stdout }), 'line')) as [string]
    const port = Number(line)
    world.records.begin(port)
    const program = await ask(world, entry, port, LARGE)
    program.send(body(reads === 'reads' ? SMALL : LARGE))
    await program.until(({ bodyBytes }) => bodyBytes === SMALL)
    await still([program])
    application.kill('SIGKILL')
    await program.inputOver()
    program.end()
    const seen = await program.over()
    return { program: seen, port }
  } finally {
    application.kill('SIGKILL')
  }
}
