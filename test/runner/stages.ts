/**
 * Which tests there are, and which command runs them: `npm test` what breaks often and what everything rests on,
 * `npm run test:rest` all the rest. Every test file is of one stage, and so of one of the two.
 *
 * @module
 */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { SuiteOptions } from './suite.ts'

export type Part = 'test' | 'rest'

export interface Stage extends Omit<SuiteOptions, 'name' | 'pace'> {
  readonly name: string
  readonly part: Part
  readonly pattern: string
  /** Of what the pattern finds, those whose name is like this; or is not. */
  readonly like?: RegExp
  readonly unlike?: RegExp
}

/** Folders of functions and values, where one test file cannot disturb the next. */
const VALUES = /^(src\/(api|base|cli|doctor|pki|policy|wire)|lab|bench)\//

/** About one rare situation each, or one that is waited for, in a whole installation of its own. */
const RARE = new RegExp(
  `^test/(${[
    ...[
      'admin-socket',
      'bench',
      'clock-jumps',
      'control-port',
      'errno-blame',
      'full-disk',
      'heavy-user',
      'hostile-words',
    ],
    ...['known-and-told', 'log-without-reader', 'long-uptime', 'misuse-.*', 'parser-cost', 'public-address'],
    ...['return-path', 'self-examination', 'server-parts', 'session-records', 'starved', 'store-backup'],
    ...['support-bundle', 'system-calls', 'told-and-mended'],
  ].join('|')})\\.test\\.ts$`,
)
/** Programs that most people use every day; the rest differ in what they make of the same bytes. */
const ESSENTIAL = /^test\/interop\/(curl|ssh|postgres|websocket)\./

const processors = availableParallelism()

export const STAGES: readonly Stage[] = [
  {
    ...{
      name: 'unit',
      part: 'test',
      pattern: '{src,lab,bench,test/edge,test/model,test/runner}/**/*.test.ts',
    },
    ...{ quietMs: 60_000, sharing: VALUES, parallel: processors + 1, inMemory: true },
  },
  // Much of it is waiting for what another process does.
  {
    ...{ name: 'system', part: 'test', pattern: 'test/{,agents/}*.test.ts', unlike: RARE },
    ...{ quietMs: 120_000, parallel: 2 * processors },
  },
  // The lab shares the processors out itself, and runs again alone what failed beside others.
  {
    ...{ name: 'lab', part: 'test', pattern: 'test/lab/*.test.ts', like: /quick/ },
    ...{ quietMs: 300_000, parallel: 1, once: true },
  },
  {
    ...{ name: 'interop', part: 'test', pattern: 'test/interop/*.test.ts', like: ESSENTIAL },
    ...{ quietMs: 180_000, parallel: processors },
  },
  {
    ...{ name: 'rare', part: 'rest', pattern: 'test/*.test.ts', like: RARE },
    ...{ quietMs: 120_000, parallel: 2 * processors },
  },
  // Every way in and every way to end, side by side: it needs the processors for itself. What takes minutes only waits.
  {
    ...{ name: 'endings', part: 'rest', pattern: 'test/endings/*.test.ts' },
    ...{ quietMs: 300_000, parallel: 2 },
  },
  // Its longest wait is for a leak, which is judged over five minutes.
  {
    ...{ name: 'whole lab', part: 'rest', pattern: 'test/lab/*.test.ts', unlike: /quick/ },
    ...{ quietMs: 600_000, parallel: 1, once: true },
  },
  {
    ...{ name: 'interop', part: 'rest', pattern: 'test/interop/*.test.ts', unlike: ESSENTIAL },
    ...{ quietMs: 300_000, parallel: processors },
  },
]

export function filesOf({ pattern, like, unlike }: Stage): string[] {
  return globSync(pattern)
    .filter((file) => (like?.test(file) ?? true) && !(unlike?.test(file) ?? false))
    .sort()
}

/** What is outside asks programs that are on no machine made for one run. */
export function allTestFiles(): string[] {
  return globSync('{src,lab,bench,test,scripts}/**/*.test.ts', { exclude: ['test/outside/**'] }).sort()
}
