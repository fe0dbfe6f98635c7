import { Condition } from '../../base/condition.ts'
import { Fault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import { type Drop, flappingOf, flappingText } from '../../policy/flapping.ts'
import type { OutageReport } from './self-examination.ts'

/** An outage, as far as its part in a rhythm goes. */
export function dropsOf({ current, past }: Pick<OutageReport, 'current' | 'past'>): Drop[] {
  return [...past, ...(current === undefined ? [] : [current])].map(({ sinceMs, code, hop, verdict }) => ({
    atMs: sinceMs,
    code: verdict?.code ?? code,
    hop: verdict?.hop ?? hop,
  }))
}

/** FLAPPING by the record of outages; undefined while it is calm. */
export function flappingFault(
  outages: Pick<OutageReport, 'current' | 'past'>,
  nowMs: number,
): Fault | undefined {
  const found = flappingOf(dropsOf(outages), nowMs)
  if (found === undefined) return undefined
  const { drops, periodMs, causes } = found
  return new Fault('FLAPPING', flappingText(found), {
    seen: {
      drops: drops.map(({ atMs, hop, code }) => `${new Date(atMs).toISOString()} ${hop} ${code}`),
      causes: causes.map(({ hop, code, count }) => `${hop} ${code} × ${count}`),
      ...(periodMs === undefined ? {} : { periodMs }),
    },
  })
}

/** One verdict over many drops: said when it begins and when it is over, not at each of them. */
export class FlapWatch {
  readonly #said: Condition
  readonly #outages: () => OutageReport
  readonly #nowMs: () => number

  constructor(log: Log, outages: () => OutageReport, nowMs: () => number = Date.now) {
    const over = 'The control connection is stable again'
    this.#said = new Condition(log, {
      ...{ begins: 'control.flapping', ends: 'control.calm', over },
      level: 'error',
    })
    this.#outages = outages
    this.#nowMs = nowMs
  }

  get fault(): Fault | undefined {
    return flappingFault(this.#outages(), this.#nowMs())
  }

  look(): void {
    this.#said.set(this.fault)
  }
}
