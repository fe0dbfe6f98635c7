/** What leaves connector-a arrives; what comes back does not. */
import { printed } from '../cures.ts'
import type { Variant } from '../scenario.ts'
import { pullSecondCable, secondCable } from '../second-cable.ts'
import { ADDRESS } from '../topology.ts'

export const edgeAsymmetric: Variant = {
  name: 'asymmetric',
  does: "the edge's replies come back to connector-a over a different cable than its packets leave by",
  hints: [
    'connector-b next to it works',
    "tcpdump shows the edge's replies, the program sees none",
    'rp_filter',
  ],
  hop: 'edge',
  code: 'RETURN_PATH_ASYMMETRIC',
  seen: [/dropped by reverse-path filtering/, /ip route get: 198\.51\.100\.10/],
  noticeMs: 60_000,
  noticed: (lab, since) =>
    since
      .faults(lab.connectors.a)
      .some(({ code }) => code === 'EGRESS_BLOCKED' || code === 'RETURN_PATH_ASYMMETRIC'),
  inject: (lab) => secondCable(lab, 'edge'),
  async cure(lab, finding) {
    printed(finding, /^on the side of the edge: route this connector's source address back /)
    await pullSecondCable(lab)
  },
  restore: pullSecondCable,
}

export const ownFirewall: Variant = {
  name: 'own-firewall',
  does: 'a hardening script drops everything that comes from port 443, including replies to connector-a',
  hints: [
    'connector-b next to it works',
    "the site's firewall shows the replies",
    'nft list ruleset, on connector-a',
  ],
  hop: 'connector',
  code: 'EGRESS_BLOCKED',
  seen: [/198\.51\.100\.10:443 no answer in/, /reached this machine/],
  noticeMs: 60_000,
  async inject({ machines: { 'connector-a': a } }) {
    await a.succeed('nft', 'add table inet hardened')
    await a.succeed('nft', 'add chain inet hardened in { type filter hook input priority 0; }')
    await a.succeed('nft', 'add rule inet hardened in tcp sport 443 drop')
  },
  async cure({ machines: { 'connector-a': a } }, finding) {
    printed(finding, /^in this machine's firewall, accept replies to connections that it opened/)
    await a.succeed('nft', 'insert rule inet hardened in ct state established,related accept')
  },
  restore: async ({ machines: { 'connector-a': a } }) =>
    void (await a.run('nft', 'delete table inet hardened')),
}

const FALSE_SOURCE = `ip saddr ${ADDRESS.edge} ip daddr ${ADDRESS['connector-a']} ip saddr set 198.51.100.99`

export const otherAddress: Variant = {
  name: 'other-address',
  does: "after a change of its address translation, the firewall rewrites the source address of the edge's replies",
  hints: [
    'connector-b next to it works',
    'replies arrive at connector-a',
    'tcpdump on connector-a: from which address?',
  ],
  hop: 'edge',
  code: 'EGRESS_BLOCKED',
  seen: [/198\.51\.100\.10:443 no answer in/, /from another address/],
  noticeMs: 60_000,
  inject: (lab) => lab.firewall.block(FALSE_SOURCE),
  async cure(lab, finding) {
    printed(finding, /address translation/)
    await lab.firewall.clear()
  },
}
