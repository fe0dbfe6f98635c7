import { printed } from '../cures.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS } from '../topology.ts'
import { twoEdges } from '../two-edges.ts'
import { homeBlocked, nearAway, nearDown } from './scn-08-edge.ts'

const NEAR_FROM_A = `ip saddr ${ADDRESS['connector-a']} ip daddr ${ADDRESS.edge2} tcp dport 443`

export const far: Scenario = {
  id: 'SCN-08',
  title: 'Everything works, but everything is slow',
  story: `There is an edge in the same city, opened with some pride in spring. Then the firewall of the data centre got an allow
list of destinations, with one edge on it: the first, across the ocean. connector-a found another path, as it should.
Nothing is down, no alarm rings, and every click takes a detour of thousands of kilometres.`,
  variants: [
    {
      name: 'near-blocked',
      does: 'a firewall blocks connector-a from the near edge, so it uses the far one',
      hints: [
        'nothing is down',
        'compare the round trip with connector-b',
        'which edges exist, and which is in use?',
      ],
      hop: 'edge',
      code: 'EDGE_FAR',
      seen: [/chosen: embedded .*\d\d ms away/, /nearer: near .*not used: EGRESS_BLOCKED/],
      noticeMs: 60_000,
      // It stays where it is for two minutes after it moved, lest it wander.
      verifyMs: 240_000,
      async inject(lab) {
        await twoEdges(lab)
        await lab.firewall.block(`${NEAR_FROM_A} drop`)
      },
      async cure(lab, finding) {
        printed(finding, /^allow outbound TCP from this machine to edge2\.example\.net:443$/)
        await lab.firewall.allow(`${NEAR_FROM_A} accept`)
      },
    },
    nearDown,
    homeBlocked,
    nearAway,
  ],
}
