import { printed } from '../cures.ts'
import { consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS } from '../topology.ts'
import { edgeOf, twoEdges } from '../two-edges.ts'

/** What the machine of an edge is asked: the doctor there. */
const ON_ITS_MACHINE = {
  hop: 'edge',
  examinedOn: 'edge2',
  examine: (lab: Lab) => lab.secondEdge.consult(),
  noticeMs: 60_000,
} as const

export const nearDown: Variant = {
  ...ON_ITS_MACHINE,
  name: 'near-down',
  does: 'the near edge process is killed and not restarted',
  hints: [
    'everything is slow again',
    'which edge do the connectors use?',
    'check the machine of the near one',
  ],
  code: 'DAEMON_DOWN',
  seen: [/nothing answers at \S+status\.sock/],
  inject: async (lab) => {
    await twoEdges(lab)
    await lab.secondEdge.kill()
  },
  noticed: async (lab) =>
    !(await lab.secondEdge.isConnected()) && (await edgeOf(lab.connectors.a)) === 'embedded',
  async cure(lab, finding) {
    printed(finding, /^start the daemon as it was installed$/)
    lab.secondEdge.run()
  },
}

const TO_HOME = `ip daddr ${ADDRESS.edge} tcp dport 443`

/** Agents of the near edge lose the control plane with it, and find another way. */
export const homeBlocked: Variant = {
  ...ON_ITS_MACHINE,
  name: 'home-blocked',
  does: "a firewall on the near edge's machine blocks all traffic to the server",
  hints: [
    'the near edge is listening',
    'yet the connectors use the far one',
    'how does the near edge reach the server?',
  ],
  code: 'EGRESS_BLOCKED',
  seen: [/198\.51\.100\.10:443 no answer in/],
  inject: async (lab) => {
    await twoEdges(lab)
    const { edge2 } = lab.machines
    await edge2.succeed('nft', 'add table inet guard')
    await edge2.succeed('nft', 'add chain inet guard out { type filter hook output priority 0; }')
    await edge2.succeed('nft', `add rule inet guard out ${TO_HOME} drop`)
  },
  noticed: (lab) =>
    lab.secondEdge
      .daemon!.lines()
      .some(({ event, code }) => event === 'doctor.verdict' && code === 'EGRESS_BLOCKED'),
  async cure(lab, finding) {
    const [, address, port] = printed(
      finding,
      /^allow outbound TCP from this machine to ([\d.]+) port (\d+)$/,
    )
    await lab.machines.edge2.succeed(
      'nft',
      `insert rule inet guard out ip daddr ${address} tcp dport ${port} accept`,
    )
  },
  restore: async (lab) => void (await lab.machines.edge2.run('nft', 'delete table inet guard')),
}

/** What the user's device is told: not that a firewall of its own is in the way. */
export const nearAway: Variant = {
  name: 'near-away',
  does: 'the near edge process is killed, and a user asks on their device why everything is slow',
  hints: ['everything is slow again', 'can the device reach the near edge?', 'can any machine?'],
  hop: 'edge',
  code: 'EDGE_FAR',
  seen: [/nearer: near .*not used: EDGE_UNREACHABLE: edge near is not connected to the control plane/],
  cause: /near accepts no tunnels: it has no connection to the control plane/,
  examine: (lab) => consultAt(lab.machines.user, ['doctor', 'client']),
  noticeMs: 60_000,
  // It stays where it is for two minutes after it moved, lest it wander.
  verifyMs: 240_000,
  inject: async (lab) => {
    await twoEdges(lab)
    await lab.secondEdge.kill()
  },
  noticed: async (lab) => /near .*EDGE_UNREACHABLE/.test(await lab.clientStatus()),
  async cure(lab, finding) {
    printed(finding, /^on the machine of near, edge2\.example\.net: sudo backstitch doctor edge$/)
    const said = await lab.secondEdge.consult()
    printed(said.findings[0]!, /^start the daemon as it was installed$/)
    lab.secondEdge.run()
  },
}
