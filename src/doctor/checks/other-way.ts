/**
 * Why programs of this machine get another answer for a name than the resolver gives. Two sources that disagree are both
 * told; whatever stands before the resolver is named.
 *
 * @module
 */
import type { NameFacts } from '../../probe/names.ts'
import type { ResolverFile } from '../../probe/resolver-file.ts'
import type { OtherTcp } from '../facts.ts'

export interface OtherWay {
  /** Who gave what programs get, or kept an answer from them: begins a sentence. */
  readonly who: string
  readonly fix: readonly string[]
  /** There is no such name at all: it is that of somebody else. */
  readonly isOtherName?: true
}

/** Services of nsswitch that ask a resolver, at once or by a daemon. */
const ASKS = /^(dns|resolve|sss|ldap|nis|nisplus|wins|mdns\S*|libvirt\S*|mymachines)$/
/** What glibc goes by itself, without anybody else. */
const HERE = /^(files|compat|db|myhostname)$/

/** All that the servers said. */
export function toldBy(name: NameFacts): string[] {
  return [...new Set(name.servers.flatMap(({ addresses }) => addresses))]
}

/** Does anything here ask a resolver for hosts? */
export function asksResolver({ sources }: NameFacts): boolean {
  return sources === undefined || sources.order.services.some((service) => ASKS.test(service))
}

/** Programs get addresses that no server gave: whose they are. Nothing where they agree, or nobody can tell. */
export function givenBy(name: NameFacts): OtherWay | undefined {
  const { addresses, sources, bySearch } = name
  const told = toldBy(name)
  if (sources === undefined || addresses.length === 0) return undefined
  if (addresses.some((address) => told.includes(address))) return undefined
  const here = sources.hosts.filter(({ address }) => addresses.includes(address))
  if (here.length > 0) {
    const lines = here.map(({ line }) => line).join(', ')
    return {
      who: `Line ${lines} of /etc/hosts returns`,
      fix: [`remove ${name.name} from line ${lines} of /etc/hosts`],
    }
  }
  if (bySearch !== undefined && addresses.some((address) => bySearch.addresses.includes(address))) {
    if (!name.name.includes('.')) return undefined // a short name is there for its search domain
    return {
      who: `${name.name} does not exist; with the search domain ${bySearch.domain} appended, ${name.name}.${bySearch.domain} resolves to`,
      isOtherName: true,
      fix: [
        `add a record for ${name.name} to its zone`,
        `or remove the search domain ${bySearch.domain} from /etc/resolv.conf`,
      ],
    }
  }
  const [cache] = sources.caches
  if (cache !== undefined && told.length > 0)
    return { who: `The cache ${cache} returns`, fix: [flushed(cache)] }
  const service = sources.order.services.find((one) => one !== 'dns' && !HERE.test(one))
  if (service !== undefined && told.length > 0) {
    return {
      who: `A source before the resolver (${service} in /etc/nsswitch.conf) returns`,
      fix: [`getent -s ${service} ahosts ${name.name}`, 'correct the entry there'],
    }
  }
  return undefined
}

/** A server knows the name, and programs do not get its answer; or nobody was asked at all. */
export function keptBy(name: NameFacts, resolvers: ResolverFile): OtherWay | undefined {
  const { addresses, sources, errno } = name
  if (addresses.length > 0 || sources === undefined) return undefined
  const { order, caches } = sources
  const passedOver = resolvers.passedOver?.[0]
  if (!asksResolver(name)) {
    return {
      who: `The line "${order.line}" of /etc/nsswitch.conf queries no resolver, so no program here finds names that are not in /etc/hosts.`,
      fix: [`write "hosts: files dns" in /etc/nsswitch.conf instead of "${order.line}"`],
    }
  }
  if (resolvers.servers.length === 0 && passedOver !== undefined) {
    return {
      who: `libc ignores ${passedOver}, so it knows no resolver and queries 127.0.0.1.`,
      fix: [
        `correct that line of ${resolvers.path}: nameserver ADDRESS, starting in its first column`.replace(
          'ADDRESS',
          meant(passedOver),
        ),
      ],
    }
  }
  if (toldBy(name).length === 0 || errno !== 'ENOTFOUND') return undefined
  const early = /\[[^\]]*NOTFOUND=return[^\]]*\]\s.*\b(dns|resolve)\b/i.test(order.line)
  if (early) {
    return {
      who: `The line "${order.line}" of /etc/nsswitch.conf stops before the resolver is queried.`,
      fix: [`remove [NOTFOUND=return] from the line "${order.line}" of /etc/nsswitch.conf`],
    }
  }
  const [cache] = caches
  return cache === undefined
    ? undefined
    : { who: `The cache ${cache} has a negative entry for the name.`, fix: [flushed(cache)] }
}

function meant(passedOver: string): string {
  return /nameserver\s+\[?([0-9a-f.:]+[0-9a-f])/i.exec(passedOver)?.[1] ?? 'ADDRESS'
}

function flushed(cache: string): string {
  if (cache === 'nscd') return 'nscd --invalidate=hosts'
  return cache === 'sssd' ? 'sss_cache -E' : 'resolvectl flush-caches'
}

/** What stands before the resolver, as evidence; nothing where nothing does. */
export function sourcesText({ sources, name, addresses, servers, bySearch }: NameFacts): string[] {
  if (sources === undefined) return []
  const { hosts, order, caches, ordering, unread } = sources
  const told = new Set(servers.flatMap((server) => server.addresses))
  const differs = !addresses.some((address) => told.has(address))
  const unusual = order.services.join(' ') !== 'files dns'
  return [
    ...hosts.map((one) => `line ${one.line} of /etc/hosts: ${one.address} ${one.names.join(' ')}`),
    bySearch === undefined ? '' : `${name}.${bySearch.domain} is ${bySearch.addresses.join(', ')}`,
    differs && unusual ? `/etc/nsswitch.conf: ${order.line}` : '',
    differs && caches.length > 0 ? `caches on this machine: ${caches.join(', ')}` : '',
    addresses.length > 1 && ordering.length > 0
      ? `/etc/gai.conf orders addresses: ${ordering.join('; ')}`
      : '',
    ...unread,
  ].filter((line) => line !== '')
}

/** An address of another source, which answers where those that programs get do not. */
export function answering(others: readonly OtherTcp[] = []): OtherTcp | undefined {
  return others.find(({ is }) => is === 'open')
}
