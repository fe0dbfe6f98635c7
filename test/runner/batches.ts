/**
 * Which test files run in one process, and in what order.
 *
 * @module
 */
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'

const PER_PROCESS = 10
/** A test file that starts the program waits for it, and is the last to end. */
const STARTS_PROGRAMS = /(installation|program|place|world|client-site|demo.fixture)\.ts'/

/**
 * @param sharing Folders whose files keep no state of the process, and so may share one: starting it costs more than
 *   they do. The longest first, so that none is left for the end alone.
 */
export function batches(files: readonly string[], sharing?: RegExp): string[][] {
  const found: string[][] = []
  for (const [folder, inFolder] of Map.groupBy(files, (file) => path.dirname(file))) {
    const size = sharing?.test(`${folder}/`) ? PER_PROCESS : 1
    for (let at = 0; at < inFolder.length; at += size) found.push(inFolder.slice(at, at + size))
  }
  const weight = (batch: readonly string[]) =>
    batch.reduce((sum, file) => sum + statSync(file).size * (startsPrograms(file) ? 10 : 1), 0)
  const weights = new Map(found.map((batch) => [batch, weight(batch)]))
  return found.sort((a, b) => weights.get(b)! - weights.get(a)!)
}

function startsPrograms(file: string): boolean {
  return STARTS_PROGRAMS.test(readFileSync(file, 'utf8'))
}
