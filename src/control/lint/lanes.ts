/** The two lanes: what goes through a tunnel, and what clients send straight to the internet. */
import type { Claims } from './claims.ts'
import { about, type Findings, findingAbout, objectNamesOf } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'

export function* twoLanes({ declared }: LintFacts, claims: Claims): Findings {
  for (const rule of declared['internet-rule']) {
    yield
    if (!rule.spec.enabled) continue
    const names = rule.spec.domains.filter((name) => claims.all.has(name))
    if (names.length === 0) continue
    const owners = new Map(
      names.flatMap((name) => claims.all.get(name)!.segments).map((segment) => [segment.id, segment]),
    )
    const segments = [...owners.values()]
    yield findingAbout('NAME_IN_TWO_LANES', about('internet-rule', rule), {
      reason: `segment ${objectNamesOf(segments.map(({ name }) => name))} also claims ${objectNamesOf(names)}`,
      consequence: 'the private segment wins: clients do not send those names directly to the internet',
      others: segments.map((segment) => about('segment', segment)),
    })
  }
}
