/**
 * Fields that several resources share: names, references, ports, domains, networks.
 *
 * A field that has one canonical form is brought to it while it is read, so that the same thing written
 * twice compares equal.
 *
 * @module
 */
import { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { looksLikeId } from '../base/ids.ts'
import { canonicalCidr, canonicalHost, canonicalPattern, isAddress } from '../policy/destination.ts'
import { parsePorts, portsText } from '../policy/ports.ts'
import { MAX_ITEMS } from './shape.ts'

/** What an object is called: unique within its kind. Letters, digits, `.`, `_`, `-`, `@`, `+`. */
export const name = z
  .string()
  .min(1)
  .max(128)
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._@+-]*$/,
    'a name is letters, digits and . _ - @ +, and starts with a letter or digit',
  )
  .refine((text) => !looksLikeId(text), 'a name must not look like an id: three letters, _ and 26 characters')

/** For people. */
export const description = z.string().max(1024).default('')

/** Another object, by name or id. It is stored and returned as the id. */
export const reference = z.string().min(1).max(128)

/** References, each once, in the order given. */
export const references = z
  .array(reference)
  .max(MAX_ITEMS)
  .overwrite((list) => [...new Set(list)])

/** RFC 3339 in UTC, as the API gives times. */
export const timestamp = z.iso.datetime()

/** RFC 3339 with any offset, as people and programs write a time; kept in UTC. */
export const moment = z
  .string()
  .max(40)
  .overwrite((text) => {
    const upper = text.toUpperCase()
    const isMoment = z.iso.datetime({ offset: true }).safeParse(upper).success
    return isMoment ? new Date(upper).toISOString() : text
  })
  .refine((text) => timestamp.safeParse(text).success, 'expected a time such as 2030-01-31T12:00:00Z')
  .meta({ format: 'date-time' })

/** One port or an inclusive range, as people write it: "443", "8000-8100". */
export const portRange = z
  .string()
  .max(11)
  .overwrite((text) => {
    const ports = parsePorts(text.replaceAll(/\s/g, ''))
    return ports === undefined ? text : portsText(ports)
  })
  .refine(
    (text) => parsePorts(text) !== undefined,
    'expected a port or range such as "443" or "8000-8100", within 1 to 65535, lower end first',
  )

export const portRanges = z.array(portRange).max(64)

/** How policy spells a text, or the Fault with which it refuses it: what is stored is what decides. */
function spelled(read: (text: string) => string, text: string): string | Fault {
  try {
    return read(text)
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
    throw thrown
  }
}

/** A text that policy reads, brought to its one spelling; `expected` says what a person should write. */
function readBy(read: (text: string) => string, maxChars: number, expected: string) {
  const isRead = (text: string) => typeof spelled(read, text) === 'string'
  return z
    .string()
    .min(1)
    .max(maxChars)
    .overwrite((text) => {
      const canonical = spelled(read, text)
      return typeof canonical === 'string' ? canonical : text
    })
    .refine(isRead, {
      error: ({ input }) => {
        const refused = spelled(read, String(input))
        return refused instanceof Fault ? `${expected} (${refused.detail})` : expected
      },
    })
}

/** An exact name, or `*.example.com` for every name below example.com but not itself. */
export const domain = readBy(
  nameOrWildcard,
  255,
  'expected a DNS name such as wiki.example.com or *.example.com; addresses go under cidrs',
)

/** A network such as 10.20.0.0/16 or fd00::/8; a bare address is a network of one. */
export const cidr = readBy(
  canonicalCidr,
  64,
  'expected a network such as 10.20.0.0/16 or fd00::/8, or one address, with no bits set after the prefix',
)

/** What a posture fact can be. */
export const factValue = z.union([z.string().max(256), z.number(), z.boolean()])

/** One IPv4 or IPv6 address. */
export const ipAddress = readBy(address, 45, 'expected an IPv4 or IPv6 address')

/** A host name or address without a port. */
export const hostOrAddress = readBy(canonicalHost, 253, 'expected a host name or an address')

function nameOrWildcard(text: string): string {
  const pattern = canonicalPattern(text)
  if (isAddress(pattern)) throw new Fault('BAD_DESTINATION', 'this is an address')
  return pattern
}

function address(text: string): string {
  const host = canonicalHost(text)
  if (!isAddress(host)) throw new Fault('BAD_DESTINATION', 'this is a name')
  return host
}

export const portNumber = z.number().int().min(1).max(65_535)
