import type { Variant } from '../scenario.ts'

/** A whole site is gone, and the next one has been asked to take over. */
export const siteLost: Variant = {
  name: 'site-lost',
  does: 'an excavator cuts the uplink of the data centre; a second one is named to take over',
  hints: ['users go on working', 'both connectors of dc1 are gone at once', 'what do they share?'],
  hop: 'edge',
  code: 'EDGE_UNREACHABLE',
  seen: [/198\.51\.100\.10:443/],
  inject: async (lab) => {
    await lab.secondSite.start()
    await lab.cables.link('fw', 'down')
  },
  cure: (lab) => lab.cables.link('fw', 'up'), // "check the route to the edge": it is spliced
  restore: async (lab) => {
    await lab.cables.link('fw', 'up')
    await lab.secondSite.remove()
  },
}
