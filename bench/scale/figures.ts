/** Every figure of `npm run bench:scale`, in the order of the table. */
import type { Figure } from './figure.ts'
import { APPLIES } from './figures/apply.ts'
import { DECISIONS } from './figures/decision.ts'
import { HALF_A_MILLION } from './figures/half-a-million.ts'
import { LINT } from './figures/lint.ts'
import { LISTS_AT_SIZE } from './figures/lists.ts'
import { POLICY_EFFECT } from './figures/policy-effect.ts'
import { POLICY_LOADS } from './figures/policy-load.ts'
import { PROBING } from './figures/probing.ts'
import { REEVALUATION } from './figures/reevaluation.ts'
import { STARTS } from './figures/start.ts'
import { WELCOMES } from './figures/welcome.ts'

export const FIGURES: readonly Figure[] = [
  ...DECISIONS,
  ...WELCOMES,
  ...POLICY_LOADS,
  ...POLICY_EFFECT,
  ...REEVALUATION,
  ...LINT,
  ...PROBING,
  ...LISTS_AT_SIZE,
  ...HALF_A_MILLION,
  ...STARTS,
  ...APPLIES,
]
