/** TCP connects, and our handshake does not come to its end: what a second look says of who stops it. */
import type { CauseAndFix } from '../../doctor/check.ts'
import { alertFromPeer } from '../../link/dial/tls-alert.ts'
import type { PingFacts } from '../../probe/ping.ts'
import type { TlsFacts } from '../facts.ts'
import type { SecondAsk, SecondLook } from '../second-look.ts'
import { inspectionVendor } from './inspection-vendors.ts'

const ASKED: Readonly<Record<SecondAsk, string>> = {
  plain: "a ClientHello without our protocol (ALPN), like a browser's,",
  nameless: "a ClientHello without the edge's name (SNI)",
  short: 'a ClientHello that needs only a short reply (TLS 1.2, to be declined)',
  mute: 'a connection that sends nothing',
}

/** What became of each, as evidence. */
export function secondTexts(looks: readonly SecondLook[]): string[] {
  if (looks.length > 0 && looks.every(({ is }) => is === 'silent' || is === 'unreached'))
    return ["no ClientHello is answered: not ours, not a browser's, not one without the edge's name"]
  if (dropsAll(looks))
    return [`${looks.length} other connections are closed at once too, including the one that sends nothing`]
  // That nothing is said to whoever says nothing is as it should be.
  const telling = looks.filter(({ asked, is }) => asked !== 'mute' || is === 'ended')
  return telling.map(({ asked, is, chain }) => {
    const what = {
      answered: `is answered, issuer=${chain[0]?.issuer ?? 'none'}`,
      alert: 'is declined with a TLS alert',
      ended: 'is closed without any TLS reply',
      silent: 'gets no answer',
      unreached: 'could not connect',
    }[is]
    return `${ASKED[asked]} ${what}`
  })
}

/** Also who has said nothing: nobody there has read what the others ask for. */
function dropsAll(looks: readonly SecondLook[]): boolean {
  const isDropped = ({ is }: SecondLook) => is === 'ended'
  return (
    looks.some((one) => one.asked === 'mute' && isDropped(one)) &&
    looks.every((one) => isDropped(one) || one.is === 'unreached')
  )
}

/**
 * Somebody else than an edge of this tenant answers browsers there, and has declined us in TLS. That an unknown
 * certificate answers a browser is not enough: an edge has another one for people.
 */
export function stranger({ second = [], broken }: TlsFacts): SecondLook | undefined {
  const declined = alertFromPeer(String(broken?.seen.code)) !== undefined
  return second.find(
    ({ asked, is, pinned, believed, chain }) =>
      asked === 'plain' &&
      is === 'answered' &&
      pinned !== true &&
      !believed &&
      (declined || inspectionVendor(chain[0]?.issuer ?? '') !== undefined),
  )
}

/**
 * Short answers to our own protocol come, long ones do not, and no echo tells a size: packets of full length are lost.
 * What a browser gets says nothing: the certificate that an edge has for people may be short.
 */
export function losesLong({ second = [] }: TlsFacts, ping: PingFacts | undefined): boolean {
  const of = (asked: SecondAsk) => second.find((one) => one.asked === asked)?.is
  return ping?.throughBytes === undefined && of('short') === 'alert' && of('nameless') === 'silent'
}

/** Of connections that end as they come. */
export function whyDropped(edge: string, proxy?: string): CauseAndFix {
  const before =
    proxy === undefined ? 'something in front of it' : `the proxy ${proxy}, or something behind it,`
  const others = proxy === undefined ? 'a load balancer, a firewall' : `the proxy ${proxy}, a load balancer`
  return {
    cause: `The edge accepts connections and closes them at once, unread: it is out of descriptors or has too many from this address; or ${before} accepts them instead and cannot reach it.`,
    fix: [
      "on the edge's machine: backstitch doctor server (or edge)",
      `if that finds nothing: check what accepts connections to ${edge} in front of the edge (${others})`,
    ],
  }
}

/**
 * @param edge HOST:PORT.
 * @param proxy HOST:PORT of the one that the way leads through.
 */
export function whyDeclined({ second = [], broken }: TlsFacts, edge: string, proxy?: string): CauseAndFix {
  if (dropsAll(second)) return whyDropped(edge, proxy)
  const stalls = broken?.code === 'HANDSHAKE_TIMEOUT'
  const how = stalls ? 'stalls ours' : 'closes ours'
  const answered = (asked: SecondAsk) => second.some((one) => one.asked === asked && one.is === 'answered')
  const passes = second.some(({ asked, is }) => asked === 'short' && is === 'alert')
  if (answered('plain') && !passes) {
    return {
      cause: `Something on the path lets browsers' TLS through to the edge but ${how}: it filters by protocol.`,
      fix: [
        `in the application control on the path: allow the protocol backstitch-control/1 (ALPN) to ${edge}, or exempt ${edge}`,
      ],
    }
  }
  if (answered('nameless')) {
    return {
      cause: `Something on the path ${how} because of the name requested: without the name the edge answers.`,
      fix: [`in the web filter on the path: allow the edge's name, ${edge}`],
    }
  }
  if (second.some(({ is }) => is === 'alert')) {
    return {
      cause:
        'The peer declines other handshakes with a TLS alert but does not complete ours: large replies are held back on the path.',
      fix: [
        `exempt ${edge} from TLS inspection and intrusion prevention`,
        'backstitch doctor server, on the machine of the edge',
      ],
    }
  }
  if (second.length > 0 && second.every(({ is }) => is === 'silent' || is === 'unreached')) {
    return {
      cause:
        'The connection opens, but no handshake of any kind is answered: the edge hangs, or something in front of it accepts connections in its place.',
      fix: [
        "on the edge's machine: backstitch doctor server (or edge), and restart what it reports as hanging",
        `if that finds nothing: exempt ${edge} from TLS inspection and intrusion prevention`,
      ],
    }
  }
  return {
    cause: stalls
      ? 'The connection opens, then the handshake stalls: something on the path holds TLS back.'
      : 'The connection opens and is closed in the middle of the handshake, as is every other one.',
    fix: ["check the edge's log", `exempt ${edge} from TLS inspection and intrusion prevention`],
  }
}
