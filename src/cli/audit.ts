import type { Command } from 'commander'
import type { z } from 'zod'
import type { auditVerdict } from '../api/audit.ts'
import { Fault } from '../base/faults.ts'
import { examples, globals, restFor } from './globals.ts'
import { print, printJson } from './terminal.ts'

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('The audit log: a hash chain of every change')
    .addHelpText(
      'after',
      examples(
        ['backstitch audit verify', 'is the chain unaltered?'],
        ['backstitch get audit --limit 20', 'the latest records'],
      ),
    )
  audit
    .command('verify')
    .description('Check every link of the chain; exit code 1 and AUDIT_BROKEN report the first bad record')
    .option('--archive <file...>', 'check archived record files instead, given in order')
    .addHelpText(
      'after',
      examples(
        ['backstitch audit verify', 'prints: chain intact'],
        [
          'backstitch audit verify --archive audit/*.jsonl',
          'checks archives that follow each other; no server is needed',
        ],
      ),
    )
    .action(async ({ archive }: { archive?: string[] }, command: Command) => {
      if (archive !== undefined) return verifyFiles(archive, command)
      const rest = await restFor(command)
      const verdict = await rest.get<z.infer<typeof auditVerdict>>('/audit/verify')
      if (!verdict.intact) {
        throw new Fault('AUDIT_BROKEN', `record ${verdict.seq}: ${verdict.because}`, {
          seen: { seq: verdict.seq },
        })
      }
      if (globals(command).json) printJson(verdict)
      else
        print(`chain intact: ${verdict.records} records, head ${verdict.head}${archived(verdict.archived)}`)
    })
}

function archived(last: { seq: number; hash: string } | undefined): string {
  return last === undefined ? '' : `; archived up to ${last.seq}, which ends with ${last.hash}`
}

async function verifyFiles(files: readonly string[], command: Command): Promise<void> {
  const { verifyArchive } = await import('../store/audit-archive.ts')
  const { from, last } = await verifyArchive(files)
  if (globals(command).json) printJson({ intact: true, from, last })
  else print(`archive intact: records ${from} to ${last.seq}, which ends with ${last.hash}`)
}
