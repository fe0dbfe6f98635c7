/**
 * What one run of `npm run bench` is asked to do.
 *
 * @module
 */

import { parseArgs } from 'node:util'

export interface Options {
  readonly rounds: number
  /** Measured time of one sample; warm-up comes on top. */
  readonly seconds: number
  /** Workload names; empty means all. */
  readonly only: readonly string[]
  /** Peer names; empty means all. */
  readonly peers: readonly string[]
  /** Small steps and few rounds: shows that everything runs, its figures are not for quoting. */
  readonly quick: boolean
  /** Where the JSON file goes; a dated name under bench/results by default. */
  readonly out?: string
  /** Of the sizes of long-memory: 1 is 100 GB and two million sessions. */
  readonly long: number
  /** Our processes write CPU profiles there when they end. */
  readonly profile: boolean
  readonly list: boolean
  /** Results of a run of the lab, for `--only verdict`. */
  readonly lab?: string
}

export const USAGE = `npm run bench -- [options]

  --rounds N         rounds, each runs every peer once in random order (default 5, with --quick 2)
  --seconds S        measured seconds per sample, after its warm-up (default 3, with --quick 1)
  --only A,B         these workloads only; verdict, alone: the time to verdict over the whole lab, as root
  --lab FILE         with --only verdict: what "backstitch lab run --all --report FILE" wrote, in place of a run
  --peers A,B        these peers, beside Backstitch, its control and a direct connection
  --long F           part of what long-memory carries, 100 GB and 2 million sessions (default 1, with --quick 0.002)
  --quick            short: shows that everything runs; the figures are not for quoting
  --out FILE         write the JSON there (default bench/results/DATE.json)
  --profile          our processes leave CPU profiles beside the results (slower): bench/profile.ts reads them
  --list             name the workloads and peers, and stop
  --help`

/** @throws {Error} naming the option that is wrong. */
export function readOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string' },
      peers: { type: 'string' },
      long: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string' },
      profile: { type: 'boolean', default: false },
      lab: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return 'help'
  const quick = values.quick
  return {
    rounds: positive('--rounds', values.rounds ?? (quick ? '2' : '5'), Number.isInteger),
    seconds: positive('--seconds', values.seconds ?? (quick ? '1' : '3'), Number.isFinite),
    only: names(values.only),
    peers: names(values.peers),
    quick,
    long: positive('--long', values.long ?? (quick ? '0.002' : '1'), Number.isFinite),
    ...(values.out !== undefined && { out: values.out }),
    profile: values.profile,
    list: values.list,
    ...(values.lab !== undefined && { lab: values.lab }),
  }
}

function positive(option: string, text: string, fits: (value: number) => boolean): number {
  const value = Number(text)
  if (!fits(value) || value <= 0)
    throw new Error(`Cannot read ${option}: expected a number above 0, got ${text}`)
  return value
}

function names(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((name) => name !== '')
}
