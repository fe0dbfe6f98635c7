import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { TestEvent } from 'node:test/reporters'

/** What the runner wants to know of one test, as one JSON line; and at the end, of the process they ran in. */
export type Outcome =
  | { readonly is: 'pass'; readonly name: string; readonly file: string }
  | { readonly is: 'skip'; readonly name: string; readonly reason: string }
  | { readonly is: 'fail'; readonly name: string; readonly where: string; readonly text: string }
  | { readonly is: 'used'; readonly cpuMs: number }

/** A node:test reporter. Suites and tests that failed only because a test inside them did are left out. */
export async function* reporter(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const outcome = outcomeOf(event)
    if (outcome !== undefined) yield `${JSON.stringify(outcome)}\n`
  }
  yield `${JSON.stringify({ is: 'used', cpuMs: usedMs() } satisfies Outcome)}\n`
}
// node:test takes a reporter module by its default export.
export { reporter as default }

function outcomeOf(event: TestEvent): Outcome | undefined {
  if (event.type === 'test:pass') {
    const { name, skip, details, file = '' } = event.data
    // A skipped suite stands for the tests in it, which nobody has counted.
    const skipped = skip !== undefined && skip !== false
    if (!skipped) {
      return details.type === 'suite'
        ? undefined
        : { is: 'pass', name, file: path.relative(process.cwd(), file) }
    }
    return { is: 'skip', name, reason: typeof skip === 'string' ? skip : 'no reason given' }
  }
  if (event.type !== 'test:fail') return undefined
  const { name, file, line, details } = event.data
  const where = `${path.relative(process.cwd(), file ?? '')}${line === undefined ? '' : `:${line}`}`
  const error = details.error as Error & { failureType?: string }
  if (error.failureType === 'subtestsFailed') return undefined
  const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : error.cause
  return { is: 'fail', name, where, text: typeof cause === 'string' ? cause : error.message }
}

const TICK_MS = 10

/** Of this process and of those it started that have ended: fields 14 to 17 of proc_pid_stat(5). */
function usedMs(): number {
  const stat = readFileSync('/proc/self/stat', 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * TICK_MS, 0)
}
