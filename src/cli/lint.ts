import type { Command } from 'commander'
import { called } from '../api/kinds.ts'
import type { LintFinding, LintReply } from '../api/lint.ts'
import { EXIT } from './exit-codes.ts'
import { examples, globals, restFor } from './globals.ts'
import type { Rest } from './rest.ts'
import { inLine, print, printJson, style } from './terminal.ts'

export function addLint(program: Command): void {
  program
    .command('lint')
    .description('What in the configuration will not work as intended: why, the consequence, and what to do')
    .addHelpText(
      'after',
      examples(
        ['backstitch lint', 'every finding; exits with 1 if there are any'],
        ['backstitch lint --json', 'the same for a program'],
        ['backstitch apply -f access.yaml --dry-run', 'check a file before it is applied'],
      ),
    )
    .action(async (_options: object, command: Command) => {
      const reply = await (await restFor(command)).get<LintReply>('/lint')
      if (globals(command).json) printJson(reply)
      else print(lintText(reply))
      if (reply.findings.length > 0) process.exitCode = EXIT.FAULT
    })
}

/** What is doubtful about one object, by its id. */
export async function findingsAbout(rest: Rest, id: string): Promise<LintFinding[]> {
  const { findings } = await rest.get<LintReply>('/lint')
  return findings.filter(({ object, others }) => [object, ...others].some((one) => one.id === id))
}

function lintText({ findings, examined }: LintReply): string {
  if (findings.length === 0) return `No findings in ${examined} objects.`
  const kinds = new Set(findings.map(({ code }) => code)).size
  const total = `${findings.length} of ${kinds} ${kinds === 1 ? 'kind' : 'kinds'}, in ${examined} objects.`
  return [...findings.map(findingText), total].join('\n\n')
}

/** One finding for people. What others have named stands within its line. */
export function findingText({ code, object, reason, consequence, fix }: LintFinding): string {
  const head = `${style('yellow', code)} ${called(object.kind).title} ${inLine(object.name)}: ${inLine(reason)}`
  return [head, line('so', consequence), line('fix', fix)].join('\n')
}

function line(name: string, text: string): string {
  return `  ${style('dim', name.padEnd(3))}  ${inLine(text)}`
}
