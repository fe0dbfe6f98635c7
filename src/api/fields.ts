/**
 * Fields that several resources share: names, references, ports, domains, networks.
 *
 * A field that has one canonical form is brought to it while it is read, so that the same thing written
 * twice compares equal.
 *
 * @module
 */
import net from 'node:net'
import { domainToASCII } from 'node:url'
import { z } from 'zod'

/** What an object is called: unique within its kind. Letters, digits, `.`, `_`, `-`, `@`, `+`. */
export const name = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/,
    'a name is letters, digits and . _ - @ +, and starts with a letter or digit',
  )
  .refine((text) => !/^[a-z]{3}_[0-9a-z]{26}$/.test(text), 'a name must not look like an id')

export const description = z.string().max(1024).default('')

/** Another object, by name or id. It is stored and returned as the id. */
export const reference = z.string().min(1).max(128)

/** References, each once, in the order given. */
export const references = z
  .array(reference)
  .max(1000)
  .overwrite((list) => [...new Set(list)])

/** RFC 3339 in UTC, as the API gives times. */
export const timestamp = z.iso.datetime()

const PORTS = /^(\d{1,5})(?:-(\d{1,5}))?$/

/** One port or an inclusive range, as people write it: "443", "8000-8100". */
export const portRange = z
  .string()
  .max(11)
  .overwrite((text) => text.replaceAll(/\s/g, ''))
  .refine(
    (text) => parsePorts(text) !== undefined,
    'expected a port or range such as "443" or "8000-8100", within 1 to 65535, lower end first',
  )

export const portRanges = z.array(portRange).max(64)

/** Both ends of a range, or nothing when the text is none. */
export function parsePorts(text: string): [number, number] | undefined {
  const match = PORTS.exec(text)
  if (match === null) return undefined
  const from = Number(match[1])
  const to = Number(match[2] ?? match[1])
  return from >= 1 && to <= 65_535 && from <= to ? [from, to] : undefined
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** The canonical form of a domain or `*.` wildcard, or nothing when it is none. */
export function canonicalDomain(text: string): string | undefined {
  const wild = text.startsWith('*.')
  const bare = (wild ? text.slice(2) : text).replace(/\.$/, '')
  if (!/^[^\s\0*:/@%\\?#[\]]+$/u.test(bare)) return undefined
  // domainToASCII does not take underscores apart from letters, which service records need.
  const ascii = /^[\x21-\x7e]+$/.test(bare) ? bare.toLowerCase() : domainToASCII(bare)
  if (ascii === '' || ascii.length > 253 || net.isIP(ascii) !== 0) return undefined
  const labels = ascii.split('.')
  if (!labels.every((label) => LABEL.test(label))) return undefined
  // A last label of digits is how resolvers recognise odd spellings of an IPv4 address (127.1, 0x7f.1).
  if (/^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1)!)) return undefined
  return wild ? `*.${ascii}` : ascii
}

/** An exact name, or `*.example.com` for every name below example.com but not itself. */
export const domain = z
  .string()
  .min(1)
  .max(255)
  .overwrite((text) => canonicalDomain(text) ?? text)
  .refine(
    (text) => canonicalDomain(text) !== undefined,
    'expected a DNS name such as wiki.example.com or *.example.com; addresses go under cidrs',
  )

/** The canonical form of a network, host bits refused; a bare address is a network of one. */
export function canonicalCidr(text: string): string | undefined {
  const [address = '', prefixText, ...more] = text.split('/')
  const family = net.isIP(address)
  if (family === 0 || more.length > 0 || address.includes('%')) return undefined
  const bits = family === 4 ? 32 : 128
  if (prefixText !== undefined && !/^\d{1,3}$/.test(prefixText)) return undefined
  const prefix = prefixText === undefined ? bits : Number(prefixText)
  if (prefix > bits) return undefined
  const canonical = family === 4 ? address : new URL(`http://[${address}]`).hostname.slice(1, -1)
  const host = addressValue(canonical, family) & ((1n << BigInt(bits - prefix)) - 1n)
  return host === 0n ? `${canonical}/${prefix}` : undefined
}

/** An address in canonical form as one number. */
function addressValue(canonical: string, family: number): bigint {
  if (family === 4) return canonical.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
  const [head = '', tail = ''] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right]
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

/** A network such as 10.20.0.0/16 or fd00::/8; a bare address is a network of one. */
export const cidr = z
  .string()
  .min(1)
  .max(64)
  .overwrite((text) => canonicalCidr(text) ?? text)
  .refine(
    (text) => canonicalCidr(text) !== undefined,
    'expected a network such as 10.20.0.0/16 or fd00::/8, or one address, with no bits set after the prefix',
  )

/** What a posture fact can be. */
export const factValue = z.union([z.string().max(256), z.number(), z.boolean()])

/** One IPv4 or IPv6 address. */
export const ipAddress = z
  .string()
  .max(45)
  .overwrite((text) => canonicalCidr(text)?.replace(/\/\d+$/, '') ?? text)
  .refine((text) => net.isIP(text) !== 0 && !text.includes('%'), 'expected an IPv4 or IPv6 address')

/** A host name or address without a port. */
export const hostOrAddress = z
  .string()
  .min(1)
  .max(253)
  .overwrite((text) => (net.isIP(text) === 0 ? (canonicalDomain(text) ?? text) : text.toLowerCase()))
  .refine(
    (text) => net.isIP(text) !== 0 || (canonicalDomain(text) !== undefined && !text.startsWith('*')),
    'expected a host name or an address',
  )

export const portNumber = z.number().int().min(1).max(65_535)
