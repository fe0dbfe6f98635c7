import { type Command, InvalidArgumentError } from 'commander'
import { FAULTS, type FaultCode, isFaultCode } from '../base/faults.ts'
import { nearest } from '../base/nearest.ts'
import { examples, globals } from './globals.ts'
import { print, printJson } from './terminal.ts'

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('What a fault code means: where it breaks, why, what to do, how to see that it is repaired')
    .argument('[code]', 'as it was shown; without one, all of them in a line each', parseCode)
    .addHelpText(
      'after',
      examples(
        ['backstitch explain EGRESS_BLOCKED', 'one code'],
        ['backstitch explain', 'all codes by hop'],
        ['backstitch explain CLOCK_SKEW --json', 'the row of the table for a program'],
      ),
    )
    .action((code: FaultCode | undefined, _options: object, command: Command) => {
      const { json } = globals(command)
      if (code === undefined) {
        if (json) printJson(CODES.map(rowOf))
        else
          print(
            CODES.map((one) => `${one.padEnd(WIDEST)}  ${FAULTS[one].hop}: ${FAULTS[one].title}`).join('\n'),
          )
      } else if (json) printJson(rowOf(code))
      else print(explanation(code))
    })
}

const CODES = Object.keys(FAULTS) as FaultCode[]
const WIDEST = Math.max(...CODES.map((code) => code.length))

function parseCode(text: string): FaultCode {
  const code = text.toUpperCase().replaceAll('-', '_')
  if (isFaultCode(code)) return code
  const near = nearest(code, CODES)
  throw new InvalidArgumentError(near === undefined ? 'There is no such code.' : `Did you mean ${near}?`)
}

function rowOf(code: FaultCode): object {
  return { code, ...FAULTS[code] }
}

/** The row of the table, for people. */
export function explanation(code: FaultCode): string {
  const { hop, title, evidence, cause, fix, verify, retry, dependsOn, ...row } = FAULTS[code]
  const fields: [string, string][] = [
    ['evidence', evidence],
    ['cause', cause],
    ['fix', fix],
    ['verify', verify],
    ['retry', retry ? 'trying again can help' : 'trying again alone does not help'],
    ['hidden by', dependsOn.join(', ')],
    ['more', `docs/faults.md, ${code}${'scenario' in row ? ` (scenario ${row.scenario})` : ''}`],
  ]
  const shown = fields.filter(([, text]) => text !== '')
  return [`${code} (${hop}): ${title}`, ...shown.map(([name, text]) => `  ${name.padEnd(9)}  ${text}`)].join(
    '\n',
  )
}
