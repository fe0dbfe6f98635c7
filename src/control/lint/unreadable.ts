import { about, type Findings, findingAbout } from './finding.ts'
import type { LintFacts } from './lint-facts.ts'

const CLOSED: Readonly<Record<string, string>> = {
  segment: 'it lets nobody in, and no wider segment gets what it names',
  'access-rule': 'if it allowed, it allows nobody; else it denies all that it may have meant',
  'internet-rule': 'names of it that cannot be read go through tunnels',
  'server-group': 'it leads nowhere',
  user: 'nobody is this user',
}

/** What is stored and policy cannot read: from an older version, or from another hand. */
export function* unreadableObjects({ unreadable }: LintFacts): Findings {
  for (const { kind, id, name, why } of unreadable) {
    yield
    yield findingAbout('POLICY_UNREADABLE', about(kind, { id, name }), {
      reason: why,
      consequence: CLOSED[kind] ?? 'it is as if it were not there',
    })
  }
}
