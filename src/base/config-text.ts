/**
 * The text of a configuration file: YAML in, a typed value out, or one Fault that names file, line and column.
 *
 * @module
 */
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument, type YAMLError } from 'yaml'
import type { z } from 'zod'
import { Fault, type Hop } from './faults.ts'
import { nearest } from './nearest.ts'
import { keysAt } from './schema-keys.ts'

/** A file over this is refused before it is parsed. */
const MAX_CONFIG_BYTES = 1_048_576
const MAX_PROBLEMS = 20

export interface ConfigOptions<S extends z.ZodType> {
  readonly schema: S
  /** The role that reads, named as the owner of the fault. */
  readonly hop?: Hop
}

/**
 * Reads a configuration. An empty text is an empty map.
 *
 * @param file What the Fault calls it.
 * @throws {Fault} INVALID naming file:line:column, what was expected and the nearest known key.
 */
export function parseConfig<S extends z.ZodType>(
  text: string,
  { schema, hop, file }: ConfigOptions<S> & { readonly file: string },
): z.output<S> {
  const refuse = (problems: ConfigProblem[]): never => {
    const shown = problems.slice(0, MAX_PROBLEMS).map((p) => `${file}:${p.line}:${p.column}: ${p.text}`)
    throw new Fault('INVALID', shown[0]!, { hop, seen: { file, problems: shown } })
  }
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    refuse([{ line: 1, column: 1, text: `expected at most ${MAX_CONFIG_BYTES} bytes` }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const broken: YAMLError[] = [...document.errors, ...document.warnings]
  if (broken.length > 0) refuse(broken.map((error) => ({ ...place(error.pos[0]), text: error.message })))

  let raw: unknown
  try {
    raw = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    refuse([{ line: 1, column: 1, text: (error as Error).message }])
  }
  const parsed = schema.safeParse(raw ?? {})
  if (parsed.success) return parsed.data
  return refuse(
    parsed.error.issues.flatMap((issue) => explain(issue, schema, (path) => place(offsetOf(document, path)))),
  )
}

interface ConfigProblem {
  readonly line: number
  readonly column: number
  readonly text: string
}
type ConfigPath = readonly PropertyKey[]

function explain(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  place: (path: ConfigPath) => { line: number; column: number },
): ConfigProblem[] {
  const where = issue.path.map(String).join('.')
  if (issue.code !== 'unrecognized_keys') {
    return [{ ...place(issue.path), text: `${where === '' ? '' : `${where}: `}${issue.message}` }]
  }
  const known = keysAt(schema, issue.path)
  return issue.keys.map((key) => {
    const near = nearest(key, known)
    const hint = near === undefined ? `known are ${known.join(', ')}` : `did you mean "${near}"?`
    const full = where === '' ? key : `${where}.${key}`
    return { ...place([...issue.path, key]), text: `unknown key "${full}"; ${hint}` }
  })
}

/** Where the deepest part of `path` that exists stands in the text: at its key if it has one. */
function offsetOf(document: Document, path: ConfigPath): number {
  let offset = document.contents?.range?.[0] ?? 0
  for (let depth = 1; depth <= path.length; depth++) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true)
    const step = path[depth - 1]
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === step)
      if (pair === undefined || !isScalar(pair.key)) break
      offset = pair.key.range?.[0] ?? offset
    } else {
      const node = document.getIn(path.slice(0, depth), true) as
        | { range?: [number, number, number] }
        | undefined
      if (node?.range === undefined) break
      offset = node.range[0]
    }
  }
  return offset
}
