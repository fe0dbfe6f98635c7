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
  title: 'The user is refused, and every light is green',
  story: `"It worked yesterday." The connectors are healthy, the application answers whoever stands beside it, and one
person does not get in. Somebody decided that, with a rule, a posture or a port, and did not think of this person. What
the person sees must say which decision it was, so that the ticket goes to whoever can change it. Whom no rule lets in at
all learns nothing of what there is: the denial that the reply names says the rest to the help desk.`,
  variants: [
    {
      ...variant({
        name: 'policy',
        does: 'a rule lets in only a group that the user is not a member of',
        hints: [
          'other users get in',
          'the user is told no more than of a name that nobody declared',
          'look up the denial that the reply names',
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
      does: 'the rule asks for an encrypted disk, and the device reports none',
      hints: ['other devices get in', 'it is the device, not the person', 'read the reply of the client'],
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
      does: 'the segment declares another port of the application than the user asks for',
      hints: ['the name is covered', 'another port would be let through', 'describe the segment'],
      hop: 'client',
      code: 'CLIENT_WRONG_PORT',
      seen: [/8443/],
      inject: (lab) => lab.apply({ tcp: ['8443'] }),
      cure: (lab) => lab.apply(),
    }),
    variant({
      name: 'not-covered',
      does: 'the segment was renamed along with the application, and the user still asks for the old name',
      hints: ['other applications work', 'nobody claims this name', 'read the reply of the client'],
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
        'the segment is there',
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
      does: 'the server group of the segment names the group of the branch offices in place of that of the data centre',
      hints: [
        'the connectors are healthy',
        'they are not asked',
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
        printed(finding, /connectorKind is app, and name such a group in the server group/)
        await lab.apply()
        await lab.admin('delete', 'connector-group', 'branches')
      },
    }),
    {
      ...variant({
        name: 'port-hidden',
        does: 'a segment for the whole rack lists the port, and a newer one for the application does not',
        hints: [
          'the port is declared, anybody can see it',
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
          printed(finding, /^Add the port to the more specific segment, or take the name out of it/)
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
