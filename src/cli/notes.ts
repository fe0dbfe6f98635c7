import type { FaultMessage } from '../wire/control.ts'
import { style } from './terminal.ts'

/** What a daemon serves in spite of, as facts of its status; documents of before have none. */
export function notesOf(notes: readonly FaultMessage[] = []): ['note', string][] {
  return notes.map(({ code, hop, detail }) => ['note', `${style('yellow', code)} (${hop}): ${detail}`])
}
