/** Nothing leaves this network: why, and what to do, whatever was asked for first. */
import type { CauseAndFix } from '../../doctor/check.ts'

/** The kernel of this machine says so. */
export function noRoute(what: string): CauseAndFix {
  return {
    cause: `This machine has no route to ${what}: its default route is missing.`,
    fix: [
      'ip route add default via GATEWAY',
      'and to keep it across reboots: set the gateway in the network configuration',
    ],
  }
}

/** Nobody on this network has its address: the kernel asked, and gave up. */
export function routerGone(router: string, what: string): CauseAndFix {
  return {
    cause: `The router ${router}, the next hop for packets to ${what}, is down.`,
    fix: [
      'ip route replace default via GATEWAY',
      `or, if ${router} is the right one, bring it back: ip neigh show ${router}`,
    ],
  }
}
