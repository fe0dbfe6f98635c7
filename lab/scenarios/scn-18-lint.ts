import { printed } from '../cures.ts'
import type { Lab } from '../lab.ts'
import { lint, saidOf } from '../lint.ts'
import { HEALTHY } from '../resolver.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_NETWORK, APP_PORT, GROUP } from '../topology.ts'

/** More than a connector watches, in segments that may name as many each. */
const WATCHED = [1, 2].map((half) =>
  Array.from({ length: 251 }, (_, at) => `w${at}.half${half}.dc1.example.com`),
)

const SECOND_NAME = 'app2.dc1.example.com'

/** What was declared does not do what its author thought; whoever looks at the object is told. */
function doubtful(
  [kind, name]: readonly [string, string],
  o: Pick<Variant, 'name' | 'does' | 'hints' | 'code' | 'seen' | 'inject' | 'cure'> & {
    readonly gone?: readonly (readonly [string, string])[]
  },
): Variant {
  const { gone = [[kind, name]], ...variant } = o
  return {
    ...{ ...variant, hop: 'control', examinedOn: 'edge', examine: (lab) => lint(lab, o.code) },
    noticed: (lab) => saidOf(lab, kind, name, o.code),
    async restore(lab) {
      for (const one of gone) await lab.admin('delete', ...one).catch(() => '')
    },
  }
}

const segment = (name: string, more: object) => ({
  ...{ kind: 'segment', name, serverGroups: [GROUP] },
  ...{ tcp: [String(APP_PORT)], addressCidrs: [APP_NETWORK], ...more },
})
const watched = (lab: Lab, health: string) =>
  lab.declare(...WATCHED.map((domains, at) => segment(`watched${at + 1}`, { domains, health })))

/** The rule of the lab lets everybody to everything: here to the first application only. */
function unreached(): Variant {
  const variant = doubtful(['segment', 'app2'], {
    name: 'unreached',
    does: 'a second application is declared without a rule for it',
    hints: [
      'the segment exists and leads to its connectors',
      'no user gets access',
      'which users does a rule allow?',
    ],
    code: 'POLICY_DENIED',
    seen: [/^no access rule allows it$/],
    gone: [
      ['access-rule', 'app2'],
      ['segment', 'app2'],
    ],
    async inject(lab) {
      await lab.apply({}, { conditions: { segments: ['app'] } })
      await lab.declare(segment('app2', { domains: [SECOND_NAME] }))
    },
    async cure(lab, finding) {
      printed(finding, /^Write an access rule with action: allow and app2 in conditions\.segments/)
      const conditions = { segments: ['app2'] }
      await lab.declare({ kind: 'access-rule', name: 'app2', order: 2, action: 'allow', conditions })
    },
  })
  return {
    ...variant,
    async restore(lab) {
      await lab.apply({}, { conditions: {} })
      await variant.restore?.(lab)
    },
  }
}

export const declaredInVain: readonly Variant[] = [
  doubtful(['segment', 'app2'], {
    name: 'two-segments',
    does: 'a second segment is declared for the same name and port as the first, with rules of its own in mind',
    hints: ['users connect', 'by which segment?', 'backstitch lint'],
    code: 'LINT_NAME_IN_TWO_SEGMENTS',
    seen: [/^segment app also claims app\.dc1\.example\.com tcp 8080$/],
    inject: (lab) => lab.declare(segment('app2', { domains: [APP_NAME] })),
    async cure(lab, finding) {
      printed(finding, /^Keep the destination in only one of them, or give them different ports/)
      await lab.declare(segment('app2', { domains: [APP_NAME], tcp: ['8443'] }))
    },
  }),
  unreached(),
  doubtful(['access-rule', 'not-ada'], {
    name: 'shadowed',
    does: 'a rule that denies one user comes after the rule that allows all users',
    hints: [
      'the rule is there, anyone can see it',
      'yet the user gets access',
      'which rule is evaluated first?',
    ],
    code: 'LINT_RULE_SHADOWED',
    seen: [/^rule all \(order 1\) matches whenever this one \(order 5\) does, and is evaluated first$/],
    inject: (lab) =>
      lab.declare({
        ...{ kind: 'access-rule', name: 'not-ada', order: 5, action: 'deny' },
        conditions: { users: ['ada'], segments: ['app'] },
      }),
    async cure(lab, finding) {
      printed(finding, /^Give it a lower order than the earlier rule, or delete it/)
      await lab.admin('delete', 'access-rule', 'not-ada')
    },
  }),
  doubtful(['access-rule', 'contractors'], {
    name: 'nobody',
    does: 'a rule allows a group that has no members',
    hints: ['the rule is there', 'which users does it allow?', 'backstitch describe access-rule contractors'],
    code: 'LINT_RULE_NEVER_MATCHES',
    seen: [/^userGroups: contractors: no enabled user is in it$/],
    gone: [
      ['access-rule', 'contractors'],
      ['user-group', 'contractors'],
    ],
    inject: (lab) =>
      lab.declare(
        { kind: 'user-group', name: 'contractors' },
        {
          ...{ kind: 'access-rule', name: 'contractors', order: 0, action: 'allow' },
          conditions: { userGroups: ['contractors'] },
        },
      ),
    async cure(lab, finding) {
      printed(finding, /^Correct that condition, or disable or delete the rule/)
      await lab.admin('delete', 'access-rule', 'contractors')
    },
  }),
  doubtful(['connector-group', GROUP], {
    name: 'watched',
    does: `${WATCHED.flat().length} applications are declared with continuous health checks`,
    hints: [
      'most are known to be healthy',
      'for some, the health is unknown',
      'how many can one connector check?',
    ],
    code: 'LINT_PROBES_TOO_MANY',
    seen: [/^2 segments behind it have 502 applications with continuous checks; a connector can check 500$/],
    gone: [
      ['segment', 'watched1'],
      ['segment', 'watched2'],
    ],
    async inject(lab) {
      await lab.resolver.serve({
        ...HEALTHY,
        ...Object.fromEntries(WATCHED.flat().map((one) => [one, ADDRESS.app])),
      })
      await watched(lab, 'continuous')
    },
    async cure(lab, finding) {
      printed(finding, /^Set health to onAccess on segments that do not need it/)
      await watched(lab, 'onAccess')
    },
  }),
]
