import type { Command } from 'commander'
import type { z } from 'zod'
import type { auditVerdict } from '../api/records.ts'
import { Fault } from '../base/faults.ts'
import { examples, globals, restFor } from './globals.ts'
import { print, printJson } from './terminal.ts'

export function addAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('The audit log: a chain of what was done, each record holding the hash of the one before')
    .addHelpText(
      'after',
      examples(
        ['backstitch audit verify', 'is the chain as it was written?'],
        ['backstitch get audit --limit 20', 'the latest records'],
      ),
    )
  audit
    .command('verify')
    .description('Check every link of the chain; exit code 1 and AUDIT_BROKEN name the first bad one')
    .addHelpText('after', examples(['backstitch audit verify', 'prints: chain intact']))
    .action(async (_options: object, command: Command) => {
      const rest = await restFor(command)
      const verdict = await rest.get<z.infer<typeof auditVerdict>>('/audit/verify')
      if (!verdict.intact) {
        throw new Fault('AUDIT_BROKEN', `record ${verdict.seq}: ${verdict.because}`, {
          seen: { seq: verdict.seq },
        })
      }
      if (globals(command).json) printJson(verdict)
      else print(`chain intact: ${verdict.records} records, head ${verdict.head}`)
    })
}
