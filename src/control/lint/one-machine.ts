import type { Concerned } from './concerned.ts'
import { about, type Findings, findingAbout } from './finding.ts'

const LOOPBACK = /^(?:\*\.)?localhost$/

/** Applications on the machine of the connector: no connector dials itself unless the segment says that it means that. */
export function* ownMachine({ segments }: Concerned): Findings {
  for (const segment of segments) {
    yield
    const named = segment.spec.domains.find((domain) => LOOPBACK.test(domain))
    if (named === undefined || segment.spec.addressCidrs.length > 0) continue
    yield findingAbout('ADDRESS_FORBIDDEN', about('segment', segment), {
      reason: `it lists ${named}, which is the connector's own machine, but no addressCidrs`,
      consequence: 'connectors dial neither loopback nor themselves: sessions fail with ADDRESS_FORBIDDEN',
      fix: 'set addressCidrs: [127.0.0.0/8] in the segment',
    })
  }
}
