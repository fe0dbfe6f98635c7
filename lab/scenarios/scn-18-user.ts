import { browse } from '../browse.ts'
import type { Lab } from '../lab.ts'
import type { Scenario, Variant } from '../scenario.ts'

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
the person sees must say which decision it was, so that the ticket goes to whoever can change it.`,
  variants: [
    variant({
      name: 'policy',
      does: 'a rule lets in only a group that the user is not a member of',
      hints: ['other users get in', 'who decides who gets in?', 'read the reply of the client'],
      hop: 'control',
      code: 'POLICY_DENIED',
      seen: [/staff|userGroups/],
      async inject(lab) {
        await lab.declare({ kind: 'user-group', name: 'staff' })
        await lab.apply({}, { conditions: { userGroups: ['staff'] } })
      },
      cure: (lab) => lab.apply({}, { conditions: {} }),
    }),
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
  ],
}
