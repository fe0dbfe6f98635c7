import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { ApplyReply, ApplyRequest, FieldChange, PlanStep } from '../api/apply.ts'
import { checkDocuments, type DocumentFile, joinFiles, located, readDocuments } from '../api/documents.ts'
import { InvalidFault } from '../api/invalid.ts'
import { Fault } from '../base/faults.ts'
import { atOnce } from '../base/slices.ts'
import { writtenText } from '../base/written-text.ts'
import { examples, globals, restFor } from './globals.ts'
import { findingText } from './lint.ts'
import type { Rest } from './rest.ts'
import { signedOutText } from './still-open.ts'
import { print, printJson, style } from './terminal.ts'

export function addApply(program: Command): void {
  program
    .command('apply')
    .description(
      'Make the control plane match a file: shows the plan first, then applies it in one transaction',
    )
    .requiredOption(
      '-f, --file <file>',
      'YAML with one object per document; - for standard input; several files are merged',
      (file: string, before: string[] = []) => [...before, file],
    )
    .option('--dry-run', 'show the plan and change nothing')
    .option('--prune', 'also delete objects of the declared kinds that are in no file')
    .addHelpText(
      'after',
      examples(
        ['backstitch apply -f access.yaml --dry-run', 'what would change'],
        ['backstitch apply -f access.yaml', 'apply the change'],
        ['backstitch apply -f access.yaml --prune', 'and delete what is no longer declared'],
      ),
    )
    .action(async (options: { file: string[]; dryRun?: boolean; prune?: boolean }, command: Command) => {
      const source = joinFiles(await Promise.all(options.file.map(readSource)))
      const reply = await applyDocuments(await restFor(command), source, options)
      if (globals(command).json) printJson(reply)
      else print(planText(reply))
    })
}

async function readSource(file: string): Promise<DocumentFile> {
  try {
    return readDocuments(writtenText(file === '-' ? await buffer(process.stdin) : await readFile(file)), file)
  } catch (error) {
    if (error instanceof Fault) throw error
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    throw new Fault('INVALID', `${file} cannot be read: ${errno}`, {
      cause: error,
      hop: 'client',
      seen: { file, errno },
    })
  }
}

/** Ten thousand objects, or the passwords of a thousand people, take a while; who gave up would not know what was done. */
const APPLY_MS = 600_000

/**
 * Sends documents to be planned, or planned and applied.
 *
 * @throws {Fault} INVALID naming file, line and column of everything that is wrong, whoever found it.
 */
export async function applyDocuments(
  rest: Rest,
  source: DocumentFile,
  options: { dryRun?: boolean; prune?: boolean } = {},
): Promise<ApplyReply> {
  try {
    atOnce(checkDocuments(source.documents))
    const body = {
      documents: source.documents as ApplyRequest['documents'],
      dryRun: options.dryRun ?? false,
      prune: options.prune ?? false,
    } satisfies ApplyRequest
    return (await rest.call('/apply', { method: 'POST', body, timeoutMs: APPLY_MS })).body as ApplyReply
  } catch (error) {
    if (!(error instanceof InvalidFault)) throw error
    const places = located(source, error.errors)
    throw new Fault('INVALID', places.join('\n  '), { cause: error, hop: 'client' })
  }
}

const SIGNS = { create: '+', update: '~', delete: '-', unchanged: ' ' } as const
const COLOURS = { create: 'green', update: 'yellow', delete: 'red', unchanged: 'dim' } as const

function planText({ steps, summary, applied, warnings }: ApplyReply): string {
  const lines = steps
    .filter((step) => step.action !== 'unchanged')
    .flatMap((step) => stepLines(step, applied))
  const { create, update, delete: gone, unchanged } = summary
  const done = applied ? ['created', 'updated', 'deleted'] : ['to create', 'to update', 'to delete']
  const counts = [create, update, gone].map((count, index) => `${count} ${done[index]}`)
  return [
    ...lines,
    `${counts.join(', ')}, ${unchanged} unchanged${applied ? '' : '; nothing was changed'}`,
    ...warnings.flatMap((warning) => ['', findingText(warning)]),
  ].join('\n')
}

function stepLines({ action, kind, name, changes, signedOut = [] }: PlanStep, applied: boolean): string[] {
  const head = style(COLOURS[action], `${SIGNS[action]} ${kind} ${name}`)
  const out = signedOutText(name, signedOut, applied ? 'were' : 'would be')
  const tail = out === '' ? [] : [style('yellow', `    ${out}`)]
  return action === 'update' ? [head, ...changes.map(changeLine), ...tail] : [head]
}

function changeLine({ path, from, to }: FieldChange): string {
  const show = (value: unknown) => (value === undefined ? 'nothing' : JSON.stringify(value))
  return `    ${path}: ${show(from)} -> ${show(to)}`
}
