/** Packets leave, answers arrive, and no program gets them: whose doing that is, and what helps. */
import type { FaultCode, Hop } from '../../base/faults.ts'
import type { LostAnswers } from '../../probe/return-path.ts'
import type { Failure } from '../check.ts'

export interface LostWhere {
  /** `the edge`, `the application`. */
  readonly side: string
  readonly address: string
  readonly port: number
  /** What is told where the answers are not dropped for the way they came. */
  readonly silent: FaultCode
  /** That this machine is. */
  readonly self: Hop
  /** That the other end is. */
  readonly hop: Hop
}

type PathFailure = Pick<Failure, 'fault' | 'cause' | 'fix' | 'seen'> & { readonly hop: Hop }

export function whyLost(
  { asked, filtered, dropped, refused, route }: LostAnswers,
  o: LostWhere,
): PathFailure {
  const answers = (count: number) => `${count} ${count === 1 ? 'answer' : 'answers'}`
  if (filtered > 0) {
    return {
      fault: 'RETURN_PATH_ASYMMETRIC',
      hop: o.hop,
      cause: `Replies from ${o.side} arrive on a different interface than packets leave by, and this machine drops them.`,
      seen: [
        `${answers(filtered)} dropped by reverse-path filtering meanwhile, ${asked} connections tried`,
        ...(route === undefined ? [] : [`ip route get: ${route}`]),
      ],
      fix: [
        `on the side of ${o.side}: route this ${o.self}'s source address back the way the request came`,
        `ip route get ${o.address}`,
      ],
    }
  }
  if (dropped > 0) {
    return {
      fault: o.silent,
      hop: o.self,
      cause: `Replies from ${o.side} reach this machine, and its own firewall drops them.`,
      seen: [`${answers(dropped)} reached this machine but no program meanwhile, ${asked} connections tried`],
      fix: [
        "in this machine's firewall, accept replies to connections that it opened: ct state established,related accept",
        'nft list ruleset, or: iptables-save',
      ],
    }
  }
  return {
    fault: o.silent,
    hop: o.hop,
    cause: `Replies arrive from an address or port other than ${o.address} port ${o.port}: something on the path translates addresses in one direction only.`,
    seen: [
      `${answers(refused)} from another address or port, refused by this machine, ${asked} connections tried`,
    ],
    fix: [
      `tcpdump -ni any 'tcp[tcpflags] & tcp-syn != 0 and not host ${o.address}' shows from where`,
      `on the firewall with that address: fix its address translation for ${o.side}, ${o.address} port ${o.port}`,
    ],
  }
}
