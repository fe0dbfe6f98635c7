/**
 * Where somebody wants to go, in the one spelling that policy compares.
 *
 * A rule about a name is worth nothing if another spelling of the name goes round it. So every host is brought to one
 * form before anything is asked of it, and a text that two programs could read as two hosts is refused, never guessed:
 *
 *     Name.Example.      name.example          case, one trailing dot
 *     bücher.example     xn--bcher-kva.example IDN
 *     [2001:DB8::0:1]    2001:db8::1           RFC 5952
 *     ::ffff:10.0.0.1    10.0.0.1              v4-mapped
 *     010.0.0.1, 0x7f.1, 127.1, 2130706433     refused: octal, hex, short
 *     a%00b, "a b", a:80, user@a, fe80::1%eth0 refused
 *
 * @module
 */
import { domainToASCII, domainToUnicode } from 'node:url'
import { Fault } from '../base/faults.ts'
import { addressBytes, addressText } from '../base/ip-address.ts'
import { memoize } from './memoize.ts'
import { networkHas, networkOf, readNetwork } from './network.ts'

const MAX_NAME_CHARS = 253
const MAX_LABEL_CHARS = 63
/** Longer is not looked at: no spelling of a name of 253 characters needs more. */
const MAX_TEXT_CHARS = 1024

/** @throws {Fault} BAD_DESTINATION with `seen.problem`, and `seen.position` (1-based) where one character is to blame. */
export function canonicalHost(text: string): string {
  return text.length > MAX_NAME_CHARS ? readHost(text) : knownHost(text)
}

/** A change of policy asks again about every name that is in use. */
const KNOWN_HOSTS = 20_000
const knownHost = memoize(readHost, KNOWN_HOSTS)

function readHost(text: string): string {
  if (text === '') bad('the host is empty')
  if (text.length > MAX_TEXT_CHARS) bad('the host is too long', { characters: text.length })
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  const address = addressBytes(bare)
  if (address !== undefined) {
    if (bare !== text && !bare.includes(':')) bad('only an IPv6 address is written in brackets')
    return addressText(address)
  }
  return canonicalName(text)
}

/** True if `host` is spelled as canonicalHost spells it. */
export function isCanonicalHost(host: string): boolean {
  try {
    return canonicalHost(host) === host
  } catch {
    return false
  }
}

/** True for an address, in any spelling that is one to every program. */
export function isAddress(host: string): boolean {
  return addressBytes(host) !== undefined
}

/**
 * @param address Canonical, as canonicalHost or a resolver gives it. A name is in no network.
 * @throws {Fault} INVALID if a network is malformed: half a list would be another policy.
 */
export function inCidrs(address: string, cidrs: readonly string[]): boolean {
  const bytes = addressBytes(address)
  const networks = cidrs.map(networkOf)
  return bytes !== undefined && networks.some((network) => networkHas(network, bytes))
}

/**
 * A network as it is stored and compared: `10.0.0.0/8`, one address as `10.1.2.3/32`.
 *
 * @throws {Fault} INVALID.
 */
export function canonicalCidr(text: string): string {
  const { bytes, prefix } = readNetwork(text)
  return `${addressText(bytes)}/${prefix}`
}

/**
 * A host pattern of a segment as it is stored: a host, or `*.` and a name.
 *
 * @throws {Fault} BAD_DESTINATION.
 */
export function canonicalPattern(text: string): string {
  if (!text.startsWith('*.')) return canonicalHost(text)
  const suffix = canonicalHost(text.slice(2))
  if (isAddress(suffix)) bad('a wildcard must stand before a name, not an address')
  return `*.${suffix}`
}

function canonicalName(text: string): string {
  refuseForeignCharacters(text)
  refuseNumber(text)
  const ascii = domainToASCII(text)
  if (ascii === '') bad('the name is not a valid internationalised name')
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  refuseNumber(name) // full-width digits are digits only now
  if (name.length > MAX_NAME_CHARS) bad('the name is too long', { characters: name.length })
  if (name.includes('xn--') && /(?:^|\.)xn--/.test(domainToUnicode(name))) {
    bad('a label begins with xn-- but is not valid IDNA') // some programs would decode it, some not
  }
  for (const label of name.split('.')) {
    if (label === '') bad('a label of the name is empty')
    if (label.length > MAX_LABEL_CHARS) bad('a label of the name is too long', { label: label.slice(0, 64) })
    if (!/^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label))
      bad('a label of the name is not valid', { label })
  }
  return name
}

const ASCII_OF_NAMES = /[A-Za-z0-9._-]/

/** Letters of other scripts are judged by IDNA afterwards; of ASCII, only what names are made of comes through. */
function refuseForeignCharacters(text: string): void {
  let position = 0
  for (const character of text) {
    position++
    const code = character.codePointAt(0)!
    if (code > 0x9f ? !/[\s\p{C}]/u.test(character) : ASCII_OF_NAMES.test(character)) continue
    const hex = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
    const hint = character === ':' ? '; a port is included in the host' : ''
    bad(`${hex} at position ${position} is not allowed in a host${hint}`, { character: hex, position })
  }
}

/** Programs that read 0x7f.1 or 127.1 take it for an address; so does the URL standard, by the last label. */
function refuseNumber(name: string): void {
  const whole = name.endsWith('.') ? name.slice(0, -1) : name
  if (/^(?:[0-9]+|0x[0-9a-f]*)$/i.test(whole.slice(whole.lastIndexOf('.') + 1))) {
    bad('it ends in a number but is not an address in full decimal form')
  }
}

function bad(problem: string, seen: Record<string, string | number> = {}): never {
  throw new Fault('BAD_DESTINATION', problem, { seen: { problem, ...seen } })
}
