import { Counter, type Registry } from 'prom-client'
import type { Log } from '../../base/log.ts'
import { LOOP_BUDGET_MS, LoopWatch } from '../../base/loop-watch.ts'
import { addGauge } from '../../base/prometheus.ts'

/** A control plane that is behind all the time says so, and not at every step. */
const SAY_EVERY_MS = 10_000

/** Counts and logs steps of this process that held its thread for longer than they may. */
export function watchLoop(log: Log, registry: Registry): LoopWatch {
  const registers = [registry]
  const over = new Counter({
    name: 'backstitch_control_long_steps_total',
    help: `Steps of the control plane that took longer than ${LOOP_BUDGET_MS} ms of its thread`,
    registers,
  })
  let saidMs = Number.NEGATIVE_INFINITY
  const watch = new LoopWatch({
    onOver(heldMs) {
      over.inc()
      if (performance.now() - saidMs < SAY_EVERY_MS) return
      saidMs = performance.now()
      log.warn(
        { event: 'control.long-step', heldMs: Math.round(heldMs), budgetMs: LOOP_BUDGET_MS },
        `A step of the control plane took ${Math.round(heldMs)} ms: requests waited meanwhile`,
      )
    },
  })
  addGauge(
    registry,
    'backstitch_control_longest_step_seconds',
    'The longest step of the control plane since it was started',
    () => watch.longestMs / 1000,
  )
  return watch
}
