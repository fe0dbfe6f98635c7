import net from 'node:net'
import type { FaultCode } from '../../base/faults.ts'
import type { LinkFacts } from '../../probe/link.ts'
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
  title: 'the network link of this machine',
  hop: 'self',
  needs: ['link'],
  uses: ['dial', 'edgeName', 'egress'],
  after: [],
  judge: ({ link: found, dial, edgeName, egress }, { patient }) => {
    const { name, state, running } = found
    const works = running.length === 0 ? 'no interface' : running.join(', ')
    const heard = dial !== undefined && !UNHEARD.has(dial.fault?.code)
    const proxy = egress && proxyOf(egress, patient)
    const nearest = proxy === undefined ? (edgeName?.addresses ?? []) : [proxy.host]
    if (heard || nearest.some(isLoopback) || !isDead(found)) {
      return pass(name === undefined ? `${works}, and no default route` : `${name} is ${state ?? 'there'}`)
    }
    const [interfaceName, which] =
      name === undefined
        ? ['INTERFACE', 'No interface of this machine has a link']
        : [name, `The interface ${name} has no link`]
    return fail('LINK_DOWN', {
      expected: 'an interface with a link, for packets to elsewhere',
      seen: [
        name === undefined
          ? 'there is no default route'
          : `the default route leaves by ${name}, which is ${state}`,
        `with a link: ${works}`,
      ],
      cause: `${which}: its cable or the port at the other end, or it is switched off. Nothing leaves this machine.`,
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

function isDead({ name, state = '', running }: LinkFacts): boolean {
  return name === undefined ? running.length === 0 : DEAD.test(state) && !running.includes(name)
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || (net.isIPv6(host) ? host === '::1' : /^127\.[\d.]+$/.test(host))
}
