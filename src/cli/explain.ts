import { type Command, InvalidArgumentError } from 'commander'
import type { SessionResource } from '../api/sessions.ts'
import type { DenialResource } from '../api/trace.ts'
import { FAULTS, type FaultCode, isFaultCode } from '../base/faults.ts'
import { nearest } from '../base/nearest.ts'
import { denialText } from './denial-text.ts'
import { examples, globals, restFor } from './globals.ts'
import { print, printJson } from './terminal.ts'
import { sessionText } from './timeline.ts'

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description(
      'Explain a fault code: where it breaks, why, what to do and how to verify the repair; or a denial or session',
    )
    .argument(
      '[code]',
      'fault code, or the id of a denial or session; without one, lists all codes',
      parseWhat,
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch explain EGRESS_BLOCKED', 'one code'],
        ['backstitch explain', 'all codes by hop'],
        ['backstitch explain den_01k8…', 'what a user was refused, and what would allow it'],
        ['backstitch explain CLOCK_SKEW --json', 'the table row, for a program'],
      ),
    )
    .action(async (what: FaultCode | Id | undefined, _options: object, command: Command) => {
      const { json } = globals(command)
      const { id } = /^(?<id>(?:den|ses)_\w+)$/.exec(what ?? '')?.groups ?? {}
      if (id !== undefined) return explainOne(id, command)
      const code = what as FaultCode | undefined
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

/** Of a denial or a session. */
type Id = `den_${string}` | `ses_${string}`

/** As `describe` has it: whoever holds an id need not know of what. */
async function explainOne(id: string, command: Command): Promise<void> {
  const rest = await restFor(command)
  const isDenial = id.startsWith('den_')
  const one = await rest.get<DenialResource & SessionResource>(`/${isDenial ? 'denials' : 'sessions'}/${id}`)
  if (globals(command).json) return printJson(one)
  print(isDenial ? denialText(one) : sessionText(one))
}

function parseWhat(text: string): FaultCode | Id {
  if (/^(den|ses)_\w+$/.test(text)) return text as Id
  const code = text.toUpperCase().replaceAll('-', '_')
  if (isFaultCode(code)) return code
  const near = nearest(code, CODES)
  throw new InvalidArgumentError(near === undefined ? 'No such code.' : `Did you mean ${near}?`)
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
    ['retry', retry ? 'trying again can help' : 'trying again does not help by itself'],
    ['hidden by', dependsOn.join(', ')],
    ['more', `docs/faults.md, ${code}${'scenario' in row ? ` (scenario ${row.scenario})` : ''}`],
  ]
  const shown = fields.filter(([, text]) => text !== '')
  return [`${code} (${hop}): ${title}`, ...shown.map(([name, text]) => `  ${name.padEnd(9)}  ${text}`)].join(
    '\n',
  )
}
