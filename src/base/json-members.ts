/**
 * Names that an object of a JSON text has twice. RFC 8259 section 4 leaves open which of the two counts, and JSON.parse
 * takes the last and says nothing: two readers of one text could see two things.
 *
 * @module
 */
import type { Steps } from './slices.ts'

/**
 * @param text JSON, and `value` what JSON.parse made of it.
 * @returns Where the first one is that comes a second time.
 */
export function* repeatedMember(text: string, value: unknown): Steps<(string | number)[] | undefined> {
  // Each member has one colon, and what was dropped has left its own behind: to count is much cheaper than to compare.
  return (yield* colonsOf(text)) === membersOf(value) ? undefined : yield* firstRepeated(text)
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** So many characters are counted, and so many compared, in one step. */
const COUNTED = 65_536
const COMPARED = 4096

function* colonsOf(text: string): Steps<number> {
  let colons = 0
  let next = COUNTED
  for (let at = 0; at < text.length; at++) {
    if (at >= next) {
      next = at + COUNTED
      yield
    }
    const code = text.charCodeAt(at)
    if (code === COLON) colons++
    else if (code === QUOTE) at = endOfString(text, at)
  }
  return colons
}

/** Of the string that begins at `start`: where its second quote is. */
export function endOfString(text: string, start: number): number {
  let at = start + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return at
}

function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  const inside: unknown[] = Array.isArray(value) ? value : Object.values(value)
  let members = Array.isArray(value) ? 0 : inside.length
  for (const one of inside) members += membersOf(one)
  return members
}

/** An object or array that is open: the member or item that is read now, and the names there were. */
type OpenContainer = { readonly names: Set<string>; at: string } | { readonly names?: undefined; at: number }

/** In JSON, a string is a name where a colon follows. */
function isName(text: string, after: number): boolean {
  let at = after
  while (text.charCodeAt(at) <= 0x20) at++
  return text.charCodeAt(at) === COLON
}

function* firstRepeated(text: string): Steps<(string | number)[] | undefined> {
  const open: OpenContainer[] = []
  let next = COMPARED
  for (let at = 0; at < text.length; at++) {
    if (at >= next) {
      next = at + COMPARED
      yield
    }
    const inner = open.at(-1)
    const character = text[at]
    if (character === '{') open.push({ names: new Set(), at: '' })
    else if (character === '[') open.push({ at: 0 })
    else if (character === '}' || character === ']') open.pop()
    else if (character === ',' && inner?.names === undefined && inner !== undefined) inner.at++
    else if (character === '"') {
      const end = endOfString(text, at)
      if (inner?.names !== undefined && isName(text, end + 1)) {
        inner.at = JSON.parse(text.slice(at, end + 1)) as string
        if (inner.names.has(inner.at)) return open.map((one) => one.at)
        inner.names.add(inner.at)
      }
      at = end
    }
  }
  return undefined
}
