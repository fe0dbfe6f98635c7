import { warningsAbout } from '../../../src/control/lint/warnings.ts'
import type { Figure, Shape } from '../figure.ts'
import { measure } from '../measure.ts'

const figure = (name: string, shape: Shape, title: string): Figure => ({
  ...{ name, shape, title, statistic: 'median', goalMs: 100 },
  run({ world: { parts, store, made }, size }) {
    const deps = { clock: parts.clock, presence: { connector: () => undefined } }
    const about = (time: number) => [made.rules[(Math.abs(time) * 7919) % size]!]
    return measure((time) => store.transaction((tx) => warningsAbout(tx, deps, about(time))), { times: 5 })
  },
})

/** What is said to whoever writes one object, within the transaction of the write. */
export const LINT: readonly Figure[] = [
  figure('lint-write', 'usual', 'lint of one write'),
  figure('lint-write-worst', 'worst', 'the same: every rule about everything'),
]
