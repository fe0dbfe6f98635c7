import { runCrew } from './crew.ts'
import { hasMemoryForALab, idleMeter } from './idle.ts'
import { untilInterrupted } from './interrupt.ts'
import { Lab } from './lab.ts'
import { watchPace } from './pace.ts'
import { NOTICE_MS, type Result, runVariant } from './run-scenario.ts'
import { nameOf } from './scenario.ts'
import type { Chosen } from './scenarios/all.ts'
import { seconds } from './table.ts'

type Say = (line: string) => void

/** Slower than this is worth a word. */
const NOTABLE_PACE = 1.5

/**
 * Several labs side by side, each with variants one after another, what takes longest first; those that want the machine
 * for themselves come last, and after them once more those that failed beside others: a machine that is too busy is no
 * finding, but it is told. Results are in the order of the variants. Ends early when interrupted.
 *
 * @param o.atOnce Exactly so many labs; else as many as the processors have time for.
 */
export async function runAll(
  chosen: readonly Chosen[],
  { atOnce, say, examples }: { atOnce?: number; say: Say; examples?: string },
): Promise<Result[]> {
  using stop = untilInterrupted()
  using watch = await watchPace()
  if (watch.pace > NOTABLE_PACE)
    say(`this machine is ${watch.pace.toFixed(1)} times slower than a quiet one now`)
  const results = new Map(chosen.flatMap((one) => skippedHere(one) ?? []))
  const [alone, others] = [true, false].map((wanted) =>
    chosen.filter((one) => !results.has(one)).filter(({ variant }) => (variant.alone ?? false) === wanted),
  ) as [Chosen[], Chosen[]]
  const go = async (queue: Chosen[], labs?: number) => {
    const counted = { of: chosen.length, results }
    await runCrew({
      ...{ atOnce: labs, idle: idleMeter(), hasMemory: hasMemoryForALab, pace: () => watch.pace },
      left: () => (stop.signal.aborted ? 0 : queue.length),
      work: (isTooMany) => work(queue, { stop, say, examples, isTooMany, ...counted }),
    })
  }
  const beside = others.length > 1 && atOnce !== 1 ? [...others] : []
  await go(others.sort(longestFirst), atOnce)
  await go(alone, 1)
  await go(
    beside.filter((one) => results.get(one)?.cured === false),
    1,
  )
  return chosen.flatMap((one) => results.get(one) ?? [])
}

/** Limits are made of what takes long by design. */
function longestFirst(a: Chosen, b: Chosen): number {
  const limit = ({ variant }: Chosen) => (variant.noticeMs ?? NOTICE_MS) + (variant.verifyMs ?? 0)
  return limit(b) - limit(a)
}

function skippedHere(one: Chosen): [[Chosen, Result]] | undefined {
  const { scenario, variant } = one
  const skipped = variant.impossible?.()
  if (skipped === undefined) return undefined
  const { name, code } = variant
  return [[one, { scenario: scenario.id, variant: name, code, cured: false, problems: [], skipped }]]
}

interface Work {
  readonly stop: ReturnType<typeof untilInterrupted>
  readonly say: Say
  readonly examples?: string
  readonly isTooMany: () => boolean
  readonly results: Map<Chosen, Result>
  readonly of: number
}

/** One lab; one that a failure left ill is replaced. */
async function work(queue: Chosen[], { stop, say, examples, isTooMany, results, of }: Work): Promise<void> {
  let lab: Lab | undefined
  try {
    for (let one = queue.shift(); one !== undefined && !stop.signal.aborted; one = queue.shift()) {
      lab ??= await Lab.up(say)
      const name = nameOf(one.scenario, one.variant)
      say(`${name}: ${one.variant.does}`)
      const result = await Promise.race([runVariant(lab, one, examples), stop.now])
      if (result === undefined) break
      const before = results.get(one)
      results.set(one, before === undefined ? result : { ...result, besideOthers: before.problems })
      say(`${name} (${results.size} of ${of}): ${outcome(result)}`)
      if (!result.cured) {
        await lab[Symbol.asyncDispose]()
        lab = undefined
      }
      if (isTooMany()) break
    }
  } finally {
    await lab?.[Symbol.asyncDispose]()
  }
}

function outcome({ cured, noticedMs, verdictMs, problems }: Result): string {
  if (!cured) return problems.join('\n')
  return `fixed; noticed after ${seconds(noticedMs)}, verdict in ${seconds(verdictMs)}`
}
