import { untilInterrupted } from './interrupt.ts'
import { Lab } from './lab.ts'
import { type Result, runVariant } from './run-scenario.ts'
import { nameOf } from './scenario.ts'
import type { Chosen } from './scenarios/all.ts'
import { seconds } from './table.ts'

/** One after another in one lab; a lab that a failure left ill is replaced. Ends early when interrupted. */
export async function runAll(chosen: readonly Chosen[], say: (line: string) => void): Promise<Result[]> {
  using stop = untilInterrupted()
  const results: Result[] = []
  let lab: Lab | undefined
  try {
    for (const one of chosen) {
      if (stop.signal.aborted) break
      lab ??= await Lab.up(say)
      const name = nameOf(one.scenario, one.variant)
      say(`${name}: ${one.variant.does}`)
      const result = await Promise.race([runVariant(lab, one), stop.now])
      if (result === undefined) break
      results.push(result)
      say(
        `${name}: ${result.cured ? `cured, noticed after ${seconds(result.noticedMs)}` : result.problems.join('\n')}`,
      )
      if (!result.cured) {
        await lab[Symbol.asyncDispose]()
        lab = undefined
      }
    }
  } finally {
    await lab?.[Symbol.asyncDispose]()
  }
  return results
}
