import { SheddingWriter } from '../base/shedding-writer.ts'
import { visibleText } from '../base/visible-text.ts'
import { EXIT } from './exit-codes.ts'

/**
 * What Node itself would write to standard error, warnings and the stack of what was not caught, never waits for whoever
 * does not read it: a process that cannot even end is one that nobody can start again.
 */
export function guardLastWords(): void {
  let writer: SheddingWriter | undefined
  const say = (text: string) => {
    writer ??= new SheddingWriter(2, { notice: () => '' })
    writer.write(`${visibleText(text)}\n`)
  }
  process.stderr.on('error', () => {})
  process.removeAllListeners('warning')
  process.on('warning', ({ name, message }) => {
    if (name !== 'ExperimentalWarning') say(`${name}: ${message}`)
  })
  process.on('uncaughtException', (error) => {
    say(error?.stack ?? String(error))
    process.exit(EXIT.FAULT)
  })
}
