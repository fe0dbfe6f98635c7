/**
 * Reading a configuration file: YAML documents with the place of everything in them, so that each error names
 * file, line and column, whether it is found here or by the server.
 *
 *     kind: segment
 *     name: wiki
 *     domains: [wiki.internal]
 *     tcp: ["443"]
 *     serverGroups: [dc1]
 *     ---
 *     kind: access-rule
 *     …
 *
 * @module
 */
import { type Document, isMap, isScalar, LineCounter, parseAllDocuments } from 'yaml'
import type { z } from 'zod'
import { Fault } from '../base/faults.ts'
import { nearest } from '../base/nearest.ts'
import type { Steps } from '../base/slices.ts'
import { MAX_DOCUMENTS } from './apply.ts'
import { type InvalidAt, InvalidFault, invalidFrom, MAX_ERRORS } from './invalid.ts'
import { findKind, isObjectKind, OBJECT_KIND_NAMES, OBJECT_KINDS, type ObjectKind } from './kinds.ts'
import { schemasOf } from './resources.ts'
import { checkShape } from './shape.ts'

/** A file over this is refused before it is parsed. */
const MAX_FILE_BYTES = 4 * 1024 * 1024

/** One declared object, checked against the schema of its kind; references are still names. */
export interface DeclaredDocument {
  readonly kind: ObjectKind
  readonly name: string
  readonly spec: Record<string, unknown>
  /** Of users only. */
  readonly password?: string
}

/** A file that was read: what to send, and where each part of it stands. */
export interface DocumentFile {
  readonly documents: Record<string, unknown>[]
  /** Line and column, from 1, of a pointer such as `/3/tcp/0`: the deepest part of it that there is. */
  locate(pointer: string): { readonly file: string; readonly line: number; readonly column: number }
}

/**
 * Reads a file's text. Only its form is checked; `checkDocuments` and the server look at what it says.
 *
 * @param file What errors call it.
 * @throws {Fault} INVALID naming file:line:column.
 */
export function readDocuments(text: string, file: string): DocumentFile {
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) {
    throw new Fault('TOO_LARGE', `${file}: more than ${MAX_FILE_BYTES} bytes`, { seen: { file } })
  }
  const lineCounter = new LineCounter()
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: true })
  const all = (Array.isArray(parsed) ? parsed : []) as Document.Parsed[]
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const refuse = (offset: number, detail: string): never => {
    const { line, column } = place(offset)
    throw new Fault('INVALID', `${file}:${line}:${column}: ${detail}`, { seen: { file, line, column } })
  }
  for (const one of all) {
    const broken = one.errors[0] ?? one.warnings[0]
    if (broken !== undefined) refuse(broken.pos[0], broken.message)
  }
  // A file may begin or end with a separator: what holds nothing declares nothing.
  const filled = all.filter(
    (one) => one.contents !== null && !(isScalar(one.contents) && one.contents.value === null),
  )
  if (filled.length > MAX_DOCUMENTS) refuse(0, `more than ${MAX_DOCUMENTS} documents`)
  const documents = filled.map((one) => {
    if (!isMap(one.contents))
      return refuse(one.contents?.range?.[0] ?? 0, 'expected a map with kind and name')
    try {
      return one.toJS({ maxAliasCount: 100 }) as Record<string, unknown>
    } catch (error) {
      return refuse(one.range[0], (error as Error).message)
    }
  })
  return { documents, locate: (pointer) => ({ file, ...place(offsetOf(filled, pointer)) }) }
}

/** Several files as one: what is declared in any of them is declared. @throws {Fault} INVALID if that is too much. */
export function joinFiles(files: readonly DocumentFile[]): DocumentFile {
  const documents = files.flatMap((one) => one.documents)
  if (documents.length > MAX_DOCUMENTS) throw new Fault('INVALID', `more than ${MAX_DOCUMENTS} documents`)
  return {
    documents,
    locate(pointer) {
      const [, index, ...rest] = pointer.split('/')
      let at = Number(index)
      const file = files.find((one) => {
        if (at < one.documents.length) return true
        at -= one.documents.length
        return false
      })
      return (file ?? files[0]!).locate(['', at, ...rest].join('/'))
    },
  }
}

/** The key of the deepest part of the pointer that the text has, or the item in a list. */
function offsetOf(documents: readonly Document.Parsed[], pointer: string): number {
  const [index, ...path] = pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const document = documents[Number(index)]
  let node: unknown = document?.contents
  let offset = document?.contents?.range?.[0] ?? 0
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === step)
      if (pair === undefined) break
      offset = (pair.key as { range?: [number, number, number] }).range?.[0] ?? offset
      node = pair.value
    } else {
      const item = (node as { items?: { range?: [number, number, number] }[] } | null)?.items?.[Number(step)]
      if (item?.range === undefined) break
      offset = item.range[0]
      node = item
    }
  }
  return offset
}

/**
 * Checks documents against the schemas of their kinds.
 *
 * @throws {InvalidFault} with every place that is wrong; pointers start with the number of the document.
 */
export function* checkDocuments(documents: readonly Record<string, unknown>[]): Steps<DeclaredDocument[]> {
  const errors: InvalidAt[] = []
  const declared: DeclaredDocument[] = []
  const seen = new Set<string>()
  for (const [index, document] of documents.entries()) {
    yield
    if (errors.length >= MAX_ERRORS) break
    const at = `/${index}`
    checkShape(document, [index])
    const { kind: word, ...rest } = document
    const kind = typeof word === 'string' ? findKind(word) : undefined
    if (kind === undefined || !isObjectKind(kind)) {
      errors.push({ pointer: `${at}/kind`, detail: unknownKind(word) })
      continue
    }
    const schema: z.ZodType = schemasOf(kind).input
    const read = schema.safeParse(rest)
    if (!read.success) {
      errors.push(
        ...invalidFrom(read.error, schema).errors.map((one) => ({ ...one, pointer: at + one.pointer })),
      )
      continue
    }
    const { name, password, ...spec } = read.data as { name: string; password?: string }
    const key = `${kind} ${name}`
    if (seen.has(key)) {
      errors.push({ pointer: `${at}/name`, detail: `a second ${OBJECT_KINDS[kind].title} ${name}` })
    }
    seen.add(key)
    declared.push({ kind, name, spec, password })
  }
  if (errors.length > 0) throw new InvalidFault(errors)
  return declared
}

function unknownKind(word: unknown): string {
  if (typeof word !== 'string') return `expected a kind: ${OBJECT_KIND_NAMES.join(', ')}`
  if (findKind(word) !== undefined) return `a ${word} cannot be declared: it is created automatically`
  const near = nearest(word, OBJECT_KIND_NAMES)
  return `unknown kind "${word}"; ${near === undefined ? `known are ${OBJECT_KIND_NAMES.join(', ')}` : `did you mean "${near}"?`}`
}

/**
 * Errors found by pointer, told by file, line and column: those of `checkDocuments`, and those in the server's
 * problem, whose pointers start with `/documents`.
 */
export function located(source: DocumentFile, errors: readonly InvalidAt[]): string[] {
  return errors.map(({ pointer, detail }) => {
    const { file, line, column } = source.locate(pointer.replace(/^\/documents(?=\/)/, ''))
    return `${file}:${line}:${column}: ${detail}`
  })
}
