import { about, type Findings, findingAbout } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'

const CLOSED: Readonly<Record<string, string>> = {
  segment: 'it admits no user, and no broader segment takes over its names',
  'access-rule': 'an allow rule no longer allows; a deny rule denies everything it could have covered',
  'internet-rule': 'names in it that cannot be read go through tunnels',
  'server-group': 'it leads nowhere',
  user: 'it identifies no user',
}

/** What is stored and policy cannot read: from an older version, or from another hand. */
export function* unreadableObjects({ unreadable }: LintFacts): Findings {
  for (const { kind, id, name, why } of unreadable) {
    yield
    yield findingAbout('POLICY_UNREADABLE', about(kind, { id, name }), {
      reason: why,
      consequence: CLOSED[kind] ?? 'it is treated as if it did not exist',
    })
  }
}
