/**
 * What a run prints of its stages, and the sum of them.
 *
 * @module
 */
import { styleText } from 'node:util'
import type { BatchResult, Failure } from './batch.ts'

export interface StageResult {
  readonly passed: number
  readonly failures: readonly Failure[]
  readonly skips?: readonly string[]
  readonly onlyAlone?: readonly Failure[]
  readonly batches?: readonly BatchResult[]
  /** Tests that passed before, and nothing they depend on has changed. */
  readonly unchanged?: number
  readonly seconds: number
}

export class RunReport {
  readonly #slowest: number
  readonly #skips: string[] = []
  #passed = 0
  #failed = 0
  #unchanged = 0

  /** @param slowest So many files of each stage are told with their times. */
  constructor({ slowest }: { slowest: number }) {
    this.#slowest = slowest
  }

  stage(name: string, o: StageResult): void {
    const { passed, failures, skips = [], unchanged = 0 } = o
    if (passed + failures.length + skips.length + unchanged === 0) return
    this.#skips.push(...skips)
    this.#passed += passed
    this.#failed += failures.length
    this.#unchanged += unchanged
    const counts = [
      `${passed} passed`,
      ...(unchanged > 0 ? [`${unchanged} unchanged since they passed`] : []),
      ...(skips.length > 0 ? [`${skips.length} skipped`] : []),
      ...(failures.length > 0 ? [`${failures.length} failed`] : []),
    ].join(', ')
    const word = failures.length > 0 ? styleText('red', 'FAILED') : styleText('green', 'ok    ')
    console.log(`${name.padEnd(10)} ${word} ${`${o.seconds.toFixed(1)} s`.padStart(8)}  ${counts}`)
    this.#tellSlowest(o.batches ?? [])
    for (const { where, name: test, text } of failures) {
      console.log(`\n  ${styleText('red', test)}  ${where}\n${indent(text)}\n`)
    }
    for (const { where, name: test, text } of o.onlyAlone ?? []) {
      console.log(`\n  passed only alone: ${test}  ${where}\n${indent(text)}\n`)
    }
  }

  #tellSlowest(batches: readonly BatchResult[]): void {
    for (const { files, tookMs, cpuMs } of batches
      .toSorted((a, b) => b.tookMs - a.tookMs)
      .slice(0, this.#slowest)) {
      const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`.padStart(8)
      const more = files.length > 1 ? ` and ${files.length - 1} more` : ''
      console.log(`           ${seconds(tookMs)} ${seconds(cpuMs)} of a processor  ${files[0]}${more}`)
    }
  }

  /** @param strict A skipped test is a failure. @returns How many failed. */
  end({ strict }: { strict: boolean }): number {
    this.#tellSkips(strict)
    const failed = this.#failed + (strict ? this.#skips.length : 0)
    if (this.#unchanged > 0) {
      console.log(
        `${this.#unchanged} tests did not run: nothing they depend on has changed since they passed here`,
      )
      console.log('(all of them: npm run check -- --all)')
    }
    console.log(`${this.#passed} passed, ${failed} failed`)
    return failed
  }

  #tellSkips(strict: boolean): void {
    const skips = this.#skips
    if (skips.length === 0) return
    console.log(`\nskipped ${skips.length}${strict ? ', which fails the run because CI=true' : ''}:`)
    for (const [reason, same] of Map.groupBy(skips, (reason) => reason)) {
      const [what, command] = reason.split(': ', 2)
      console.log(`  ${same.length} ${same.length === 1 ? 'test' : 'tests'}: ${what}`)
      if (command !== undefined) console.log(`      ${command}`)
    }
    console.log('')
  }
}

function indent(text: string): string {
  return text.trimEnd().replaceAll(/^/gm, '    ')
}
