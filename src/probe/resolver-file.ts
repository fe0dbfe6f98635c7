/**
 * /etc/resolv.conf, as glibc reads it and no more kindly: what it does not take it passes over without a word, and
 * asks 127.0.0.1 where nothing is left.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import net from 'node:net'
import { type FileAccess, lookAtFile } from './file-access.ts'

export interface ResolverFile extends FileAccess {
  /** Those that libc asks: the first three that it can read. */
  readonly servers: readonly string[]
  readonly search: readonly string[]
  /** How long programs wait for one answer of one server, and how often they ask each: `options timeout:1 attempts:2`. */
  readonly waitMs?: number
  readonly attempts?: number
  /** Lines that look like a server and are none to libc, each with why. */
  readonly passedOver?: readonly string[]
}

const MAX_SERVERS = 3 // glibc looks at no more
/** What glibc does without `options`. */
const [LIBC_WAITS_S, LIBC_ATTEMPTS] = [5, 2]
const KEYS = ['nameserver', 'search', 'domain', 'options', 'sortlist']

/** @param path /etc/resolv.conf, or another in tests. */
export async function lookAtResolvers(path = '/etc/resolv.conf'): Promise<ResolverFile> {
  const access = await lookAtFile(path)
  if (access.is !== 'readable') return { ...access, servers: [], search: [] }
  try {
    return { ...access, ...readResolvers(await readFile(path, 'utf8')) }
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return { ...access, is: 'failed', errno, servers: [], search: [] }
  }
}

/** Of the text of the file. */
export function readResolvers(
  text: string,
): Pick<ResolverFile, 'servers' | 'search' | 'waitMs' | 'attempts' | 'passedOver'> {
  const servers: string[] = []
  const passedOver: string[] = []
  let search: readonly string[] = []
  for (const [at, line] of text.split('\n').entries()) {
    const taken = /^(nameserver|search|domain)[ \t]+(\S[^\n]*)$/.exec(line)
    const why = taken === null ? whyPassedOver(line) : undefined
    if (why !== undefined) passedOver.push(`line ${at + 1}, ${JSON.stringify(line)}: ${why}`)
    if (taken === null) continue
    const [, key, value] = taken as unknown as [string, string, string]
    if (key !== 'nameserver') {
      search = value.split(/[ \t\r]+/).filter((part) => part !== '')
      continue
    }
    const server = value.split(/[;# \t]/)[0]!
    if (net.isIP(server) === 0)
      passedOver.push(`line ${at + 1}, ${JSON.stringify(line)}: ${whyNoAddress(server)}`)
    else if (servers.length < MAX_SERVERS) servers.push(server)
    else passedOver.push(`line ${at + 1}, ${JSON.stringify(line)}: libc only uses the first ${MAX_SERVERS}`)
  }
  const [seconds = LIBC_WAITS_S, attempts = LIBC_ATTEMPTS] = [
    optionIn(text, 'timeout'),
    optionIn(text, 'attempts'),
  ]
  const told = { servers, search, waitMs: seconds * 1000, attempts }
  return { ...told, ...(passedOver.length > 0 && { passedOver }) }
}

/** The last one counts. */
function optionIn(text: string, name: string): number | undefined {
  const lines = text.split('\n').filter((line) => /^options[ \t]/.test(line))
  const found = lines.flatMap((line) => line.split(/\s+/)).findLast((one) => one.startsWith(`${name}:`))
  return found === undefined ? undefined : Number(found.slice(name.length + 1)) || undefined
}

function whyNoAddress(server: string): string {
  return server.endsWith('\r') ? 'a carriage return follows the address' : 'not an address'
}

/** Of a line that libc takes for nothing, and a person perhaps for something. */
function whyPassedOver(line: string): string | undefined {
  const word = /^[^a-z]*([a-z]+)/i.exec(line.replace(/[#;].*/, ''))?.[1]
  if (word === undefined) return undefined
  const key = KEYS.find((one) => one === word.toLowerCase())
  if (key === undefined || (line.startsWith(key) && key !== 'nameserver')) return undefined
  if (line.charCodeAt(0) === 0xfeff) return 'a byte order mark precedes it'
  if (/^\s/.test(line)) return 'a blank precedes it'
  return line.startsWith(key) ? 'no address follows it' : `libc requires "${key}" at the start of the line`
}
