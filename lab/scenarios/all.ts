import { nameOf, type Scenario, type Variant } from '../scenario.ts'
import { daemon } from './scn-01-daemon.ts'
import { key } from './scn-02-key.ts'
import { seal } from './scn-03-seal.ts'
import { names } from './scn-04-names.ts'
import { egress } from './scn-05-egress.ts'
import { interception } from './scn-06-interception.ts'
import { proxy } from './scn-07-proxy.ts'
import { far } from './scn-08-far.ts'
import { clock } from './scn-09-clock.ts'
import { load } from './scn-10-load.ts'
import { flapping } from './scn-12-flapping.ts'
import { appName } from './scn-13-app-name.ts'
import { application } from './scn-14-application.ts'
import { mtu } from './scn-15-mtu.ts'
import { group } from './scn-16-group.ts'
import { machine } from './scn-17-machine.ts'
import { user } from './scn-18-user.ts'

export const SCENARIOS: readonly Scenario[] = [
  daemon,
  key,
  seal,
  names,
  egress,
  interception,
  proxy,
  far,
  clock,
  load,
  flapping,
  appName,
  application,
  mtu,
  group,
  machine,
  user,
]

export interface Chosen {
  readonly scenario: Scenario
  readonly variant: Variant
}

/** @param what `SCN-05`, `SCN-05:drop`, in any case; nothing for all. Empty when there is no such scenario. */
export function choose(what?: string): Chosen[] {
  const wanted = what?.toUpperCase()
  return SCENARIOS.flatMap((scenario) => scenario.variants.map((variant) => ({ scenario, variant }))).filter(
    ({ scenario, variant }) =>
      wanted === undefined || wanted === scenario.id || wanted === nameOf(scenario, variant).toUpperCase(),
  )
}
