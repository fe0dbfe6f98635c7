/** What was said of a name, by whom, and the words for it: of the edge, and of an application. */
import { shortageOf, shortageText } from '../../base/shortage.ts'
import { seconds } from '../../base/span.ts'
import type { NameFacts, ServerAnswer } from '../../probe/names.ts'
import { type Failure, type Judged, unknown } from '../check.ts'
import type { OtherTcp } from '../facts.ts'
import { asksResolver, type OtherWay, toldBy } from './other-way.ts'

/** An answer that is worth saying when it came. */
const SLOW_ANSWER_MS = 1000

/** Answers that say: I could not find out. Not one of them is about the name. */
export const FAILED = /^(timeout|SERVFAIL|REFUSED|NOTIMP|FORMERR|E[A-Z]+|unknown|not a name)/

/** This process lacked what it takes: no resolver was heard, and none is to blame. */
export function nameNotAsked({ name, errno }: NameFacts): Judged {
  return shortageOf(errno) && unknown(`${name} was not looked up: ${shortageText(errno!)}`)
}

/** No address, by whose word: of those that were asked directly, or of libc alone. */
export function noNameCause(name: NameFacts): string {
  const knows = name.servers.filter(({ addresses }) => addresses.length > 0)
  const not = name.servers.filter(({ said, addresses }) => addresses.length === 0 && !FAILED.test(said))
  const at = (servers: readonly ServerAnswer[]) => servers.map(({ server }) => server).join(', ')
  if (knows.length > 0 && not.length > 0)
    return `The resolvers disagree: ${at(not)} reports that ${name.name} does not exist, but ${at(knows)} knows it; the first answer counts.`
  if (knows.length > 0)
    return `Queried directly, the resolver ${at(knows)} knows ${name.name}, but libc tells programs here that it does not exist (${name.errno}): something in between caches an older answer.`
  return `The resolver answers that ${name.name} does not exist.`
}

/** The words of it, for edges and applications. */
export function overriding(o: {
  readonly name: NameFacts
  readonly other: OtherTcp
  readonly way: OtherWay | undefined
  /** What is met at the address that programs get. */
  readonly here: string
}): Pick<Failure, 'cause' | 'fix'> {
  const { name, other, way, here } = o
  const given = name.addresses.join(', ')
  const fromResolver = toldBy(name).includes(other.address)
  if (way !== undefined) {
    const instead = fromResolver ? 'the resolver returns' : 'previously, the name resolved to'
    return {
      cause: `${way.who} ${given}, ${here}; ${instead} ${other.address}, which answers.`,
      fix: way.fix,
    }
  }
  if (fromResolver) {
    return {
      cause: `Programs here get ${given}, ${here}; a resolver returns ${other.address}, which answers.`,
      fix: [`make every resolver in /etc/resolv.conf return ${other.address} for ${name.name}`],
    }
  }
  return {
    cause: `The record of ${name.name} was changed: it resolves to ${given}, ${here}; its previous address ${other.address} still answers.`,
    fix: [
      `set the record of ${name.name} back to ${other.address}`,
      `or, if the edge has moved to ${given}: start it there`,
    ],
  }
}

/** One server's answer as evidence. */
export function serverText({
  server,
  said,
  addresses,
  ttlSeconds,
  deadRouter,
  tookMs = 0,
}: ServerAnswer): string {
  const late = said !== 'timeout' && tookMs >= SLOW_ANSWER_MS ? ` after ${seconds(tookMs)}` : ''
  const router = deadRouter === undefined ? '' : `, next hop ${deadRouter} does not answer`
  if (addresses.length === 0) return `${server} said ${said}${late}${router}`
  return `${server} said ${addresses.join(', ')}${ttlSeconds === undefined ? '' : `, TTL ${ttlSeconds} s`}${late}`
}

/** Did a resolver answer about the name, in the negative? */
export function answeredNo(name: NameFacts): boolean {
  return (
    name.errno === 'ENOTFOUND' && asksResolver(name) && name.servers.some(({ said }) => !FAILED.test(said))
  )
}
