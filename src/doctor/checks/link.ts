import net from 'node:net'
import type { LinkFacts } from '../../probe/link.ts'
import { type Check, check, fail, pass } from '../check.ts'
import { verifyHealthy } from './words.ts'

/** Of the kernel's operational states (RFC 2863) those in which nothing is sent. */
const DEAD = /^(down|lowerlayerdown|dormant|notpresent)$/

export const link: Check = check({
  name: 'link',
  title: 'the network link of this machine',
  hop: 'self',
  needs: ['link'],
  uses: ['dial', 'edgeName'],
  after: [],
  judge: ({ link: found, dial, edgeName }, { patient }) => {
    const { name, state, running } = found
    const works = running.length === 0 ? 'no interface' : running.join(', ')
    const reached = dial !== undefined && dial.fault === undefined
    const onThisMachine = edgeName?.addresses.some(isLoopback) === true
    if (reached || onThisMachine || !isDead(found)) {
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

function isLoopback(address: string): boolean {
  return net.isIPv6(address) ? address === '::1' : address.startsWith('127.')
}
