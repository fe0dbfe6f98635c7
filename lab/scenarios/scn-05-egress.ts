import { allowPrinted, blink, printed, runPrinted } from '../cures.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { ADDRESS } from '../topology.ts'
import { edgeAsymmetric, otherAddress, ownFirewall } from './scn-05-return.ts'

const TO_EDGE = `ip saddr ${ADDRESS['connector-a']} ip daddr ${ADDRESS.edge}`

/** Whatever the rule does, the cure is the same: the firewall team allows what the verdict names. */
function variant(o: Omit<Variant, 'inject' | 'cure' | 'hop'> & { rule: string }): Variant {
  const { rule, ...rest } = o
  return {
    ...rest,
    hop: 'edge',
    inject: (lab) => lab.firewall.block(`${TO_EDGE} ${rule}`),
    cure: allowPrinted,
  }
}

export const egress: Scenario = {
  id: 'SCN-05',
  title: 'The firewall blocks the connector',
  story: `On Tuesday evening the network team replaced "any to any" with an allow list. The list came from a spreadsheet, and
connector-a was racked after the spreadsheet was made. Its neighbour connector-b is on the list and works. The
application team hears of it on Wednesday, when connector-b is patched and no connector is left.`,
  variants: [
    variant({
      name: 'drop',
      does: 'packets from connector-a to port 443 of the edge are dropped',
      hints: [
        'connector-b next to it works',
        'the name of the edge resolves',
        'check what answers a SYN: nothing does',
      ],
      code: 'EGRESS_BLOCKED',
      seen: [/198\.51\.100\.10:443 no answer in \d/, /the resolver 10\.1\.1\.53 answers/],
      rule: 'tcp dport 443 drop',
      noticeMs: 45_000,
    }),
    variant({
      name: 'reset',
      does: 'a firewall answers every SYN from connector-a with a RST',
      hints: [
        'connector-b next to it works',
        'the answer comes at once',
        'it is a refusal, and it did not come from the edge',
      ],
      code: 'EGRESS_REJECTED',
      seen: [/198\.51\.100\.10:443 ECONNREFUSED after \d+ ms/],
      rule: 'tcp dport 443 reject with tcp reset',
    }),
    variant({
      name: 'prohibited',
      does: 'a router answers every SYN from connector-a with "administratively prohibited"',
      hints: [
        'connector-b next to it works',
        'the answer comes at once, and it is not a RST',
        'tcpdump icmp: which machine refuses?',
      ],
      code: 'EGRESS_REJECTED',
      seen: [/198\.51\.100\.10:443 EHOSTUNREACH after \d+ ms/],
      rule: 'tcp dport 443 reject with icmp type admin-prohibited',
    }),
    {
      name: 'unreachable',
      does: 'the default route of connector-a was removed',
      hints: [
        'connector-b next to it works',
        'no packet leaves the machine',
        'ip route: where would a packet go?',
      ],
      hop: 'edge',
      code: 'EDGE_UNREACHABLE',
      seen: [
        /198\.51\.100\.10:443 ENETUNREACH after \d+ ms/,
        /this machine has no route to 198\.51\.100\.10/,
      ],
      inject: async ({ machines }) => {
        await machines['connector-a'].succeed('ip', 'route', 'del', 'default')
      },
      cure: ({ connectors }, finding) =>
        runPrinted(connectors.a, finding, /^ip route add default via GATEWAY$/, { GATEWAY: ADDRESS.fwSite }),
      async restore({ machines }) {
        await machines['connector-a'].succeed('ip', 'route', 'replace', 'default', 'via', ADDRESS.fwSite)
      },
    },
    {
      name: 'link',
      does: 'the network cable of connector-a is unplugged',
      hints: [
        'connector-b next to it works',
        'not even the resolver next to it answers',
        'ip link: does the interface have a carrier?',
      ],
      hop: 'connector',
      code: 'LINK_DOWN',
      seen: [/the default route uses eth0, which is (lowerlayer)?down/, /with a link: no interface/],
      // Silence is noticed by a ping that is not answered; then twice by a dial.
      noticeMs: 60_000,
      inject: ({ cables }) => cables.link('connector-a', 'down'),
      async cure({ cables }, finding) {
        printed(finding, /^plug in the cable of eth0,/)
        await cables.link('connector-a', 'up')
      },
      restore: ({ cables }) => cables.link('connector-a', 'up'),
    },
    {
      name: 'gateway',
      does: 'after the firewall was moved, connector-a still uses its old address as gateway, which no machine has',
      hints: [
        'connector-b next to it works',
        'its neighbours are reachable',
        'ip route, then ip neigh: which machine is that?',
      ],
      hop: 'edge',
      code: 'EDGE_UNREACHABLE',
      seen: [/198\.51\.100\.10:443 EHOSTUNREACH after \d+ ms, next hop 10\.1\.1\.254 does not answer/],
      noticeMs: 60_000,
      inject: ({ machines }) =>
        machines['connector-a']
          .succeed('ip', 'route', 'replace', 'default', 'via', '10.1.1.254')
          .then(() => {}),
      cure: ({ connectors }, finding) =>
        runPrinted(connectors.a, finding, /^ip route replace default via GATEWAY$/, {
          GATEWAY: ADDRESS.fwSite,
        }),
      async restore({ machines }) {
        await machines['connector-a'].succeed('ip', 'route', 'replace', 'default', 'via', ADDRESS.fwSite)
      },
    },
    {
      name: 'net-unreachable',
      does: 'a router answers every packet from connector-a with "network unreachable"',
      hints: [
        'connector-b next to it works',
        'the answer comes at once, and it did not come from the edge',
        'tcpdump icmp: what does the router report?',
      ],
      hop: 'edge',
      code: 'EDGE_UNREACHABLE',
      seen: [/198\.51\.100\.10:443 ENETUNREACH after \d+ ms, next hop 10\.1\.1\.1 answers/],
      inject: (lab) => lab.firewall.block(`${TO_EDGE} reject with icmp type net-unreachable`),
      async cure(lab, finding) {
        printed(finding, /^on the router that answers, .*: ip route get 198\.51\.100\.10$/)
        await lab.firewall.clear()
      },
    },
    {
      name: 'second-port',
      does: 'the edge has port 8443 for control connections, but the firewall only allows 443',
      hints: ['users notice nothing', 'backstitch status has a note', 'the edge listens on two ports'],
      hop: 'edge',
      code: 'CONTROL_PORT_BLOCKED',
      seen: [
        /edge\.example\.net:8443 was dropped: no answer \(EGRESS_BLOCKED/,
        /edge\.example\.net:443 works and is in use/,
      ],
      async inject(lab) {
        const { a, b } = lab.connectors
        await lab.restartServer('--control-port', '8443')
        await lab.firewall.block(`${TO_EDGE} tcp dport 8443 drop`)
        // Each learns of the port when it is connected again, and takes it the next time.
        for (const connector of [a, b]) await connector.refresh()
        await Promise.all([a.healthy(), b.healthy()])
        await blink(lab, a)
      },
      cure: allowPrinted,
      restore: (lab) => lab.restartServer(),
    },
    edgeAsymmetric,
    ownFirewall,
    otherAddress,
  ],
}
