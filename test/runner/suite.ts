import { accessSync, chmodSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { availableParallelism, freemem, tmpdir } from 'node:os'
import path from 'node:path'
import { type BatchResult, type Failure, runBatch } from './batch.ts'
import { batches } from './batches.ts'
import { Progress } from './progress.ts'

export interface SuiteResult {
  readonly passed: number
  readonly failures: readonly Failure[]
  /** The reason of each skipped test. */
  readonly skips: readonly string[]
  /** What failed beside other files, and passed when its file ran once more, alone. */
  readonly onlyAlone: readonly Failure[]
  /** One for each process. */
  readonly batches: readonly BatchResult[]
}

/** A busy machine fails a file or two. Where more fail it is the code, and running them again only takes time. */
const FILES_AGAIN = 5

/** tmpfs(5) */
const MEMORY = '/dev/shm'
const MEMORY_BYTES = 2e9

export interface SuiteOptions {
  /** Shown while it runs. */
  readonly name?: string
  /**
   * A process that has ended no test and written nothing for so long is one that hangs: it is killed, with what it
   * started. A handle left open fails it, too.
   */
  readonly quietMs: number
  /** How slow the machine is found to be. */
  readonly pace?: number
  /** Processes at a time. */
  readonly parallel?: number
  /** Folders whose files keep no state of the process, and so may share one. */
  readonly sharing?: RegExp
  /** What tests write goes to memory where there is enough: hundreds of databases each wait for the disk many times. */
  readonly inMemory?: boolean
  /** What failed is not run again: a file that takes minutes sees to that itself. */
  readonly once?: boolean
}

/** Runs test files in processes of their own. What fails beside others runs once more, alone, and the result tells. */
export async function runSuite(
  files: readonly string[],
  o: SuiteOptions & { readonly progress?: Progress },
): Promise<SuiteResult> {
  const { name = '', quietMs, pace = 1, parallel = availableParallelism(), sharing } = o
  const folder = mkdtempSync(path.join(tmpdir(), 'backstitch-test-'))
  const scratch = o.inMemory && hasMemory() ? mkdtempSync(path.join(MEMORY, 'backstitch-test-')) : undefined
  if (scratch !== undefined) chmodSync(scratch, 0o1777) // as /tmp: some tests are other users for a moment
  const waiting = batches(files, sharing)
  const done = new Map<readonly string[], BatchResult>()
  const onlyAlone: Failure[] = []
  using progress = o.progress ?? new Progress({ stage: name, of: files.length })
  const run = (batch: readonly string[], report: string) =>
    runBatch(batch, { quietMs, pace, progress, scratch, report: path.join(folder, report) })
  const worker = async (): Promise<void> => {
    for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
      done.set(batch, await run(batch, `${waiting.length}`))
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel }, worker))
    const failed = [...done].filter(([, { failures }]) => failures.length > 0)
    for (const [batch, { failures }] of o.once || failed.length > FILES_AGAIN ? [] : failed) {
      const again = await run(batch, `again-${onlyAlone.length}-${batch[0]!.replaceAll('/', '-')}`)
      done.set(batch, again)
      if (again.failures.length === 0) onlyAlone.push(...failures)
    }
  } finally {
    for (const one of [folder, scratch]) if (one !== undefined) rmSync(one, { recursive: true, force: true })
  }
  const results = [...done.values()]
  return {
    passed: results.reduce((sum, one) => sum + one.passed, 0),
    failures: results.flatMap((one) => one.failures),
    skips: results.flatMap((one) => one.skips),
    onlyAlone,
    batches: results,
  }
}

function hasMemory(): boolean {
  try {
    accessSync(MEMORY, constants.W_OK)
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize > MEMORY_BYTES && freemem() > MEMORY_BYTES
  } catch {
    return false // a machine without it has a disk
  }
}
