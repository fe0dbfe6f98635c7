import { printed } from '../cures.ts'
import type { Variant } from '../scenario.ts'

const OUT = 'ip saddr 10.1.1.0/24 ip daddr 198.51.100.0/24'

/** A whole site is gone, and the next one has been asked to take over. */
export const siteLost: Variant = {
  name: 'site-lost',
  does: "an excavator cuts the data centre's uplink; a second data centre is configured as failover",
  hints: ['users keep working', 'both connectors of dc1 are gone at once', 'what do they share?'],
  hop: 'edge',
  code: 'EDGE_UNREACHABLE',
  seen: [/198\.51\.100\.10:443 ENETUNREACH .*next hop 10\.1\.1\.1 answers/],
  inject: async (lab) => {
    await lab.secondSite.start()
    await lab.cables.link('fw', 'down')
    // What a router says of a line that is down, and as often as it is asked: the kernel alone would tire of it.
    await lab.firewall.block(`${OUT} reject with icmp type net-unreachable`)
  },
  async cure(lab, finding) {
    printed(finding, /^on the router that answers, .*: ip route get 198\.51\.100\.10$/)
    await lab.cables.link('fw', 'up') // it is spliced
    await lab.firewall.clear()
  },
  restore: async (lab) => {
    await lab.cables.link('fw', 'up')
    await lab.secondSite.remove()
  },
}
