import type { FaultCode } from '../../base/faults.ts'
import { isLoopback } from '../../base/ip-address.ts'
import type { LinkFacts } from '../../probe/network-link.ts'
import { type Check, check, fail, pass } from '../check.ts'
import { proxyOf } from './proxy.ts'
import { verifyHealthy } from './words.ts'

/** Of the kernel's operational states (RFC 2863) those in which nothing is sent. */
const DEAD = /^(down|lowerlayerdown|dormant|notpresent)$/

/** Where the connection ended so, nobody need have been there; any other end is somebody's word. */
const UNHEARD: ReadonlySet<FaultCode | undefined> = new Set<FaultCode>([
  'EDGE_UNREACHABLE',
  'EGRESS_BLOCKED',
  'PROXY_UNREACHABLE',
  'RESOLVER_UNREACHABLE',
])

export const link: Check = check({
  name: 'link',
  title: "this machine's network link",
  hop: 'self',
  needs: ['link'],
  uses: ['dial', 'edgeName', 'egress', 'tcp'],
  after: [],
  judge: ({ link: found, dial, edgeName, egress, tcp }, { patient }) => {
    const { name, state, running, cards } = found
    const works = running.length === 0 ? 'no interface' : running.join(', ')
    const heard = dial !== undefined && !UNHEARD.has(dial.fault?.code)
    const proxy = egress && proxyOf(egress, patient)
    const nearest = proxy === undefined ? (edgeName?.addresses ?? []) : [proxy.host]
    const byAnother = tcp?.attempts.some(({ via }) => via !== undefined && via !== name) === true
    if (
      heard ||
      byAnother ||
      nearest.some((host) => host === 'localhost' || isLoopback(host)) ||
      !isDead(found)
    ) {
      return pass(name === undefined ? `${works}, and no default route` : `${name} is ${state ?? 'there'}`)
    }
    const interfaceName = name ?? cards[0] ?? 'INTERFACE'
    const which =
      name === undefined ? 'No network card of this machine has a link' : `The interface ${name} has no link`
    return fail('LINK_DOWN', {
      expected: 'an interface with a link for outbound packets',
      seen: [
        name === undefined
          ? 'there is no default route'
          : `the default route uses ${name}, which is ${state}`,
        `with a link: ${works}`,
      ],
      cause: `${which}: check its cable and the port at the other end, or it is switched off. No packet gets out through it.`,
      fix: [
        `plug in the cable of ${interfaceName}, or connect the network card of the virtual machine`,
        `if it is switched off: ip link set dev ${interfaceName} up`,
      ],
      verify:
        name === undefined
          ? verifyHealthy(patient)
          : { run: `cat /sys/class/net/${name}/operstate`, expect: 'up' },
    })
  },
})

function isDead({ name, state = '', running, cards }: LinkFacts): boolean {
  if (name !== undefined) return DEAD.test(state) && !running.includes(name)
  return cards.length === 0 ? running.length === 0 : !cards.some((card) => running.includes(card))
}
