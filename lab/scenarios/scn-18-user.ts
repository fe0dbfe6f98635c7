import { browse } from '../browse.ts'
import { printed } from '../cures.ts'
import { lookUp } from '../denial.ts'
import type { Lab } from '../lab.ts'
import { lint, saidOf } from '../lint.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { APP_NETWORK, APP_PORT, GROUP } from '../topology.ts'
import { ofTheDevice } from './scn-18-device.ts'
import { declaredInVain } from './scn-18-lint.ts'
import { unreadable } from './scn-18-unreadable.ts'

/** Nothing is broken between the machines: what the user is told must say whose decision it was. */
function variant(
  o: Pick<Variant, 'name' | 'does' | 'hints' | 'hop' | 'code' | 'seen' | 'inject' | 'cure'>,
): Variant {
  return {
    ...o,
    cutsAll: true,
    examine: (lab) => browse(lab),
    noticed: async (lab) => {
      const { findings } = await browse(lab)
      return findings[0]?.code === o.code && (await lab.clientStatus()).includes(o.code)
    },
    restore: heal,
  }
}

async function heal(lab: Lab): Promise<void> {
  await lab.apply({}, { conditions: {} })
}

export const user: Scenario = {
  id: 'SCN-18',
  title: 'The user is denied, and every light is green',
  story: `"It worked yesterday." The connectors are healthy, the application answers from the next machine, and one person has no
access. A rule, a posture or a port decided that, without this person in mind. What the person sees must say which
decision it was, so that the ticket goes to the team that can change it. A user whom no rule could ever allow learns
nothing about what exists: the denial id in the reply tells the help desk the rest.`,
  variants: [
    {
      ...variant({
        name: 'policy',
        does: 'a rule allows only a group that the user is not a member of',
        hints: [
          'other users connect',
          'the user is told no more than for a name that is not declared',
          'look up the denial given in the reply',
        ],
        hop: 'control',
        code: 'POLICY_DENIED',
        seen: [/wanted staff/],
        async inject(lab) {
          await lab.declare({ kind: 'user-group', name: 'staff' })
          await lab.apply({}, { conditions: { userGroups: ['staff'] } })
        },
        cure: (lab) => lab.apply({}, { conditions: {} }),
      }),
      examine: lookUp,
      noticed: async (lab) =>
        (await lookUp(lab)).findings[0]?.code === 'POLICY_DENIED' &&
        (await lab.clientStatus()).includes('CLIENT_NOT_COVERED'),
    },
    variant({
      name: 'posture',
      does: 'the rule requires an encrypted disk, and the device reports none',
      hints: [
        'other devices connect',
        'the device is the problem, not the person',
        "read the client's reply",
      ],
      hop: 'control',
      code: 'POSTURE_FAILED',
      seen: [/diskEncrypted/],
      async inject(lab) {
        await lab.declare({ kind: 'posture-fact', name: 'diskEncrypted', valueType: 'boolean' })
        await lab.apply({}, { conditions: { posture: [{ fact: 'diskEncrypted', equals: true }] } })
      },
      cure: (lab) => lab.apply({}, { conditions: {} }),
    }),
    variant({
      name: 'port',
      does: 'the segment lists another port of the application than the user asks for',
      hints: ['the name is covered', 'another port would be allowed', 'describe the segment'],
      hop: 'client',
      code: 'CLIENT_WRONG_PORT',
      seen: [/8443/],
      inject: (lab) => lab.apply({ tcp: ['8443'] }),
      cure: (lab) => lab.apply(),
    }),
    variant({
      name: 'not-covered',
      does: 'the segment was renamed along with the application, and the user still asks for the old name',
      hints: ['other applications work', 'no segment claims this name', "read the client's reply"],
      hop: 'client',
      code: 'CLIENT_NOT_COVERED',
      seen: [/app\.dc1\.example\.com/],
      inject: (lab) => lab.apply({ domains: ['portal.dc1.example.com'] }),
      cure: (lab) => lab.apply(),
    }),
    variant({
      name: 'unmapped',
      does: 'in a clean-up the segment lost its server group',
      hints: [
        'the segment exists',
        'the connectors are healthy',
        'follow the chain: backstitch describe segment app',
      ],
      hop: 'control',
      code: 'SEGMENT_UNMAPPED',
      seen: [/app/],
      inject: (lab) => lab.apply({ serverGroups: [] }),
      cure: (lab) => lab.apply(),
    }),
    variant({
      name: 'wrong-kind',
      does: "the segment's server group lists the group of the branch offices instead of the data centre's",
      hints: [
        'the connectors are healthy',
        'they are not used',
        'follow the chain: backstitch describe segment app',
      ],
      hop: 'control',
      code: 'WRONG_CONNECTOR_KIND',
      seen: [/segment app: group branches is for branch connectors/],
      inject: (lab) =>
        lab.declare(
          { kind: 'connector-group', name: 'branches', connectorKind: 'branch' },
          { kind: 'server-group', name: GROUP, connectorGroups: ['branches'] },
        ),
      async cure(lab, finding) {
        printed(finding, /connectorKind is app, and use such a group in the server group/)
        await lab.apply()
        await lab.admin('delete', 'connector-group', 'branches')
      },
    }),
    {
      ...variant({
        name: 'port-hidden',
        does: 'a segment for the whole rack lists the port, but a newer one for the application does not',
        hints: [
          'the port is declared, anyone can see it',
          'which segment decides for this name?',
          'backstitch lint',
        ],
        hop: 'control',
        code: 'LINT_PORT_HIDDEN',
        seen: [/it claims app\.dc1\.example\.com without ports that segment rack lists for .*8080/],
        async inject(lab) {
          await lab.declare({
            ...{ kind: 'segment', name: 'rack', serverGroups: [GROUP], addressCidrs: [APP_NETWORK] },
            ...{ domains: ['*.dc1.example.com'], tcp: [String(APP_PORT)] },
          })
          await lab.apply({ tcp: ['8443'] })
        },
        async cure(lab, finding) {
          printed(finding, /^Add the port to the more specific segment, or remove the name from it/)
          await lab.apply({ tcp: ['8443', String(APP_PORT)] })
        },
      }),
      examine: (lab) => lint(lab, 'LINT_PORT_HIDDEN'),
      examinedOn: 'edge',
      // The user is told what does not go, and whoever looks at the segment, why.
      noticed: async (lab) => {
        await lab.ask('/', 4)
        return (
          (await lab.clientStatus()).includes('CLIENT_WRONG_PORT') &&
          (await saidOf(lab, 'segment', 'app', 'LINT_PORT_HIDDEN'))
        )
      },
      async restore(lab) {
        await lab.apply()
        await lab.admin('delete', 'segment', 'rack').catch(() => '')
      },
    },
    unreadable,
    ...declaredInVain,
    ...ofTheDevice,
  ],
}
