/** TCP connects, and our handshake does not come to its end: what a second look says of who stops it. */
import type { CauseAndFix } from '../../doctor/check.ts'
import { alertFromPeer } from '../../link/dial/tls-alert.ts'
import type { PingFacts } from '../../probe/ping.ts'
import type { TlsFacts } from '../facts.ts'
import type { SecondAsk, SecondLook } from '../second-look.ts'
import { inspectionVendor } from './inspection-vendors.ts'

const ASKED: Readonly<Record<SecondAsk, string>> = {
  plain: 'a ClientHello without our protocol (ALPN), as of a browser,',
  nameless: 'a ClientHello without the name of the edge (SNI)',
  short: 'a ClientHello that asks for a short answer (TLS 1.2, to be declined)',
  mute: 'a connection that says nothing',
}

/** What became of each, as evidence. */
export function secondTexts(looks: readonly SecondLook[]): string[] {
  if (looks.length > 0 && looks.every(({ is }) => is === 'silent' || is === 'unreached'))
    return ['no ClientHello is answered: not ours, not that of a browser, none without the name of the edge']
  if (dropsAll(looks))
    return [`${looks.length} other connections are ended at once as well, also the one that sends nothing`]
  // That nothing is said to whoever says nothing is as it should be.
  const telling = looks.filter(({ asked, is }) => asked !== 'mute' || is === 'ended')
  return telling.map(({ asked, is, chain }) => {
    const what = {
      answered: `is answered, issuer=${chain[0]?.issuer ?? 'none'}`,
      alert: 'is declined with a TLS alert',
      ended: 'is ended without a word of TLS',
      silent: 'gets no answer',
      unreached: 'found no connection',
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
  const before = proxy === undefined ? 'something before it' : `the proxy ${proxy}, or something behind it,`
  const others = proxy === undefined ? 'a balancer, a firewall' : `the proxy ${proxy}, a balancer`
  return {
    cause: `The edge takes connections and drops them at once, unread: it is out of descriptors or has too many from this address; or ${before} takes them in its place and does not get to it.`,
    fix: [
      'on the machine of the edge: backstitch doctor server (or edge)',
      `if that finds nothing: look at what takes connections to ${edge} before the edge (${others})`,
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
  const how = stalls ? 'lets ours hang' : 'ends ours'
  const answered = (asked: SecondAsk) => second.some((one) => one.asked === asked && one.is === 'answered')
  const passes = second.some(({ asked, is }) => asked === 'short' && is === 'alert')
  if (answered('plain') && !passes) {
    return {
      cause: `Something on the way lets through TLS of browsers to the edge, and ${how}: it goes by the protocol.`,
      fix: [
        `in the application control on the way: allow the protocol backstitch-control/1 (ALPN) to ${edge}, or exempt ${edge}`,
      ],
    }
  }
  if (answered('nameless')) {
    return {
      cause: `Something on the way ${how} for the name that it asks for: without the name the edge answers.`,
      fix: [`in the web filter on the way: allow the name of ${edge}`],
    }
  }
  if (second.some(({ is }) => is === 'alert')) {
    return {
      cause:
        'Whoever is there declines other handshakes with a TLS alert and does not finish ours: long answers are held back on the way.',
      fix: [
        `exempt ${edge} from TLS inspection and intrusion prevention`,
        'backstitch doctor server, on the machine of the edge',
      ],
    }
  }
  if (second.length > 0 && second.every(({ is }) => is === 'silent' || is === 'unreached')) {
    return {
      cause:
        'The connection opens, and no handshake of any kind is answered: the edge stands still, or something before it takes connections in its place.',
      fix: [
        'on the machine of the edge: backstitch doctor server (or edge), and restart what it says hangs',
        `if that finds nothing: exempt ${edge} from TLS inspection and intrusion prevention`,
      ],
    }
  }
  return {
    cause: stalls
      ? 'The connection opens, and then the handshake stands still: something on the way holds TLS back.'
      : 'The connection opens and is ended in the middle of the handshake, as is every other one.',
    fix: ['look at the log of the edge', `exempt ${edge} from TLS inspection and intrusion prevention`],
  }
}
