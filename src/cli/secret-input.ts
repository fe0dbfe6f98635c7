import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import { Fault } from '../base/faults.ts'
import { writtenText } from '../base/written-text.ts'

/**
 * A secret from where it does not show: a file, standard input, or typed at a terminal that does not echo it.
 * Never from argv, which every user of the machine can read.
 *
 * @param file `-` for standard input; undefined to ask.
 * @throws {Fault} INVALID.
 */
export async function readSecret(what: string, file: string | undefined): Promise<string> {
  if (file === undefined && process.stdin.isTTY) return ask(what)
  if (file === undefined) {
    throw new Fault('INVALID', `there is no terminal to prompt for the ${what}: use --${what}-file`, {
      hop: 'client',
    })
  }
  try {
    const secret = file === '-' ? await buffer(process.stdin) : await readFile(file)
    return writtenText(secret).replace(/\r?\n$/, '')
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new Fault('INVALID', `the ${what} file ${file} cannot be read: ${errno}`, { cause, hop: 'client' })
  }
}

/** Raw mode, so that nothing is echoed; Ctrl-C still ends the program. */
function ask(what: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(`${what}: `)
  stdin.setRawMode(true).setEncoding('utf8').resume()
  return new Promise((resolve) => {
    let typed = ''
    const onData = (typedNow: string) => {
      for (const character of typedNow) {
        if (character === '\u0003') process.kill(process.pid, 'SIGINT')
        else if (character === '\u007f' || character === '\b') typed = [...typed].slice(0, -1).join('')
        else if (character === '\r' || character === '\n' || character === '\u0004') {
          stdin.off('data', onData).setRawMode(false).pause()
          stderr.write('\n')
          return resolve(typed)
        } else typed += character
      }
    }
    stdin.on('data', onData)
  })
}
