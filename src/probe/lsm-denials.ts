import { textOf } from './file-access.ts'
import { runProgram } from './run-program.ts'

export interface DenialFacts {
  /** Which of the two is in force, or none. */
  readonly enforcing: 'selinux' | 'apparmor' | 'none'
  /** Lines of the last minutes that name us, newest last, verbatim. */
  readonly lines: readonly string[]
  /** Why the records could not be read. */
  readonly unread?: string
}

const MAX_LINES = 3
const SINCE = '10 minutes ago'

/** What mandatory access control forbade a program whose denial contains one of `names`. */
export async function lookAtDenials(names: readonly string[], signal: AbortSignal): Promise<DenialFacts> {
  const enforcing = await readEnforcing()
  if (enforcing === 'none') return { enforcing, lines: [] }
  const o = { signal, timeoutMs: 3000 }
  const [audit, kernel] = await Promise.all([
    runProgram('ausearch', ['-m', 'AVC,USER_AVC', '-ts', 'recent', '--raw'], o),
    runProgram('journalctl', ['-k', '--since', SINCE, '--no-pager', '-o', 'cat'], o),
  ])
  const texts = [audit, kernel].flatMap((run) => (run?.status === 0 ? [run.stdout] : []))
  if (texts.length === 0)
    return { enforcing, lines: [], unread: 'neither ausearch nor journalctl can be read' }
  return { enforcing, lines: denialsIn(texts.join('\n'), names).slice(-MAX_LINES) }
}

/** Lines of an audit or kernel log that deny something to a program of `names`. */
export function denialsIn(text: string, names: readonly string[]): string[] {
  return text
    .split('\n')
    .filter(
      (line) => /avc:\s+denied|apparmor="DENIED"/i.test(line) && names.some((name) => line.includes(name)),
    )
    .map((line) => line.trim().slice(0, 300))
}

async function readEnforcing(): Promise<DenialFacts['enforcing']> {
  if ((await textOf('/sys/fs/selinux/enforce'))?.trim() === '1') return 'selinux'
  const profiles = await textOf('/sys/module/apparmor/parameters/enabled')
  return profiles?.trim() === 'Y' ? 'apparmor' : 'none'
}
