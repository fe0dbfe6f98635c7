/**
 * How large a JSON text may be in any place of it, looked at before it is parsed. A text of 4 MiB can be a list of a
 * million objects, or two million lists in each other: what is refused here costs a look at its characters, in slices,
 * and not what a parser makes of it at one go.
 *
 * @module
 */
import { endOfString } from '../base/json-members.ts'
import type { Steps } from '../base/slices.ts'
import { MAX_DOCUMENTS } from './apply.ts'
import { InvalidFault, pointerOf } from './invalid.ts'
import { MAX_DEPTH, MAX_ITEMS, MAX_KEYS } from './shape.ts'

/** In all of a text: ten thousand documents of seventeen values, twelve of them with a name. Names that all differ cost most. */
export const MAX_VALUES = 170_000
export const MAX_MEMBERS = 125_000
/** `/documents/7`: a document is as deep as the body of another operation. */
const DEPTH_OF_DOCUMENT = 2
const FEWER = 'in one body: send fewer objects at a time'
/** So many characters are looked at in one step. */
const AT_A_TIME = 65_536

/** An object or list that has begun: how many commas it had, and where the name of the member that is read now stands. */
interface OpenShape {
  readonly isList: boolean
  commas: number
  nameComes: boolean
  name: readonly [from: number, to: number]
}

/**
 * The same limits as checkShape, of a text that may be no JSON at all.
 *
 * @param manyDocuments It is an object with a list of documents: the limits are those of each.
 * @throws {InvalidFault} naming the first place that is too large.
 */
export function* checkText(text: string, { manyDocuments = false } = {}): Steps<void> {
  const maxDepth = MAX_DEPTH + (manyDocuments ? DEPTH_OF_DOCUMENT : 0)
  const open: OpenShape[] = []
  let values = 0
  let members = 0
  let next = AT_A_TIME
  for (let at = 0; at < text.length; at++) {
    if (at >= next) {
      next = at + AT_A_TIME
      yield
    }
    const inner = open.at(-1)
    const character = text[at]
    if (character === '"') {
      const end = endOfString(text, at)
      if (inner?.nameComes) Object.assign(inner, { nameComes: false, name: [at, end + 1] })
      at = end
    } else if (character === ',' && inner !== undefined) {
      inner.commas++
      inner.nameComes = !inner.isList
      const isDocuments = manyDocuments && open.length === DEPTH_OF_DOCUMENT
      const most = !inner.isList ? MAX_KEYS : isDocuments ? MAX_DOCUMENTS : MAX_ITEMS
      if (inner.commas >= most)
        refuse(text, open.slice(0, -1), `at most ${most} ${inner.isList ? 'items' : 'keys'}`)
      values++
      if (!inner.isList) members++
    } else if (character === '{' || character === '[') {
      if (open.length > maxDepth) refuse(text, open, 'this is nested too deeply')
      const isList = character === '['
      open.push({ isList, commas: 0, nameComes: !isList, name: [at, at] })
      values++
      if (!isList) members++
    } else if (character === '}' || character === ']') open.pop()
    if (values > MAX_VALUES) refuse(text, [], `at most ${MAX_VALUES} values ${FEWER}`)
    if (members > MAX_MEMBERS) refuse(text, [], `at most ${MAX_MEMBERS} members of objects ${FEWER}`)
  }
}

function refuse(text: string, open: readonly OpenShape[], detail: string): never {
  const path = open.map(({ isList, commas, name }) => (isList ? commas : nameIn(text.slice(...name))))
  throw new InvalidFault([{ pointer: pointerOf(path), detail }])
}

function nameIn(text: string): string {
  try {
    return String(JSON.parse(text))
  } catch {
    return text // Nobody has said yet that it is JSON.
  }
}
