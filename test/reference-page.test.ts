import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { OBJECT_KIND_NAMES, OBJECT_KINDS } from '../src/api/kinds.ts'
import { serverConfig } from '../src/cli/server/options.ts'
import { clientConfig } from '../src/client/options.ts'
import { connectorConfig } from '../src/connector/options.ts'
import { edgeConfig } from '../src/edge/edge-options.ts'

/** docs/reference.md: every key of the configuration files and of the objects, from their schemas and what is said there. */
const DOCUMENT = path.resolve(import.meta.dirname, '../docs/reference.md')
const BEGIN = '<!-- reference: begin -->\n'
const END = '<!-- reference: end -->\n'
const page = readFileSync(DOCUMENT, 'utf8')

const FILES = [
  {
    file: '/etc/backstitch/server.yaml',
    schema: serverConfig,
    at: 'src/cli/server/options.ts',
    name: 'serverConfig',
  },
  {
    file: '/etc/backstitch/edge.yaml',
    schema: edgeConfig,
    at: 'src/edge/edge-options.ts',
    name: 'edgeConfig',
  },
  {
    file: '/etc/backstitch/connector.yaml',
    schema: connectorConfig,
    at: 'src/connector/options.ts',
    name: 'connectorConfig',
  },
  {
    file: '~/.config/backstitch/client.yaml',
    schema: clientConfig,
    at: 'src/client/options.ts',
    name: 'clientConfig',
  },
]

type Json = { readonly [key: string]: unknown }

interface Row {
  readonly key: string
  readonly takes: string
  readonly preset: string
  readonly says: string
}

/** What stands above each key in the source, from the declaration of `name` on to the next. */
function commentsIn(at: string, name: string): Map<string, string> {
  const source = readFileSync(path.resolve(import.meta.dirname, '..', at), 'utf8')
  const from = source.indexOf(`const ${name} =`)
  assert.notEqual(from, -1, `${name} in ${at}`)
  const end = source.slice(from + 1).search(/\n(?:export )?(?:const|type|interface|function) /)
  const text = end === -1 ? source.slice(from) : source.slice(from, from + 1 + end)
  const found = text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+)[:,]/g)
  return new Map([...found].map(([, words, key]) => [key!, oneLine(words!)]))
}

function oneLine(comment: string): string {
  return comment.replaceAll(/\s*\n\s*\* ?/g, ' ').trim()
}

function* rowsOf(schema: Json, comments: ReadonlyMap<string, string>, within = ''): Generator<Row> {
  const required = new Set((schema.required as string[] | undefined) ?? [])
  for (const [key, field] of Object.entries((schema.properties ?? {}) as Record<string, Json>)) {
    const preset =
      field.default === undefined
        ? required.has(key)
          ? 'needed'
          : ''
        : `\`${JSON.stringify(field.default)}\``
    const says = comments.get(key) ?? FIELDS.get(key) ?? ''
    const inner = field.type === 'object' && field.properties !== undefined
    const listed = field.type === 'array' && (field.items as Json).properties !== undefined
    yield { key: within + key, takes: takes(field), preset: inner ? '' : preset, says }
    if (inner) yield* rowsOf(field, comments, `${within}${key}.`)
    if (listed) yield* rowsOf(field.items as Json, comments, `${within}${key}[].`)
  }
}

/** What several schemas share has its words where it is declared. */
const FIELDS = new Map(
  ['src/api/fields.ts', 'src/api/specs.ts', 'src/edge/edge-options.ts', 'src/link/dial/egress.ts'].flatMap(
    (file) => {
      const source = readFileSync(path.resolve(import.meta.dirname, '..', file), 'utf8')
      const found = source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?const (\w+) =/g)
      return [...found].map(([, words, name]) => [name!, oneLine(words!)] as const)
    },
  ),
)

function takes(field: Json): string {
  if (Array.isArray(field.anyOf)) return (field.anyOf as Json[]).map(takes).join(' or ')
  if (Array.isArray(field.enum)) return (field.enum as unknown[]).map((one) => `\`${one}\``).join(', ')
  if (field.const !== undefined) return `\`${field.const}\``
  if (field.type === 'array') return `list of ${takes(field.items as Json)}`
  if (field.type === 'integer' || field.type === 'number') {
    const { minimum, maximum } = field as { minimum?: number; maximum?: number }
    const isBounded = minimum !== undefined && maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER
    return isBounded ? `${minimum} to ${maximum}` : 'number'
  }
  if (field.type === 'object') return field.properties === undefined ? 'map' : 'object'
  return field.type === 'boolean' ? '`true`, `false`' : 'text'
}

function table(schema: z.ZodType, comments: ReadonlyMap<string, string>): string {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Json
  const rows = [...rowsOf(json, comments)]
  const silent = rows.filter(({ says }) => says === '')
  assert.deepEqual(
    silent.map(({ key }) => key),
    [],
    'each key says in the source what it is',
  )
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const lines = rows.map(
    ({ key, takes, preset, says }) => `| \`${key}\` | ${cell(takes)} | ${cell(preset)} | ${cell(says)} |`,
  )
  return ['| key | takes | default | |', '|---|---|---|---|', ...lines].join('\n')
}

function specName(kind: string): string {
  return `${kind.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())}Spec`
}

function wanted(): string {
  const shared = commentsIn('src/api/specs.ts', 'conditions')
  return [
    '## Configuration files\n',
    ...FILES.map(({ file, schema, at, name }) => `### ${file}\n\n${table(schema, commentsIn(at, name))}\n`),
    '## Objects\n',
    ...OBJECT_KIND_NAMES.map((kind) => {
      const { spec, title } = OBJECT_KINDS[kind]
      const comments = new Map([...shared, ...commentsIn('src/api/specs.ts', specName(kind))])
      return `### ${kind}\n\n${title[0]!.toUpperCase()}${title.slice(1)}.\n\n${table(spec, comments)}\n`
    }),
  ].join('\n')
}

test('docs/reference.md says what the schemas say: BACKSTITCH_UPDATE_DOCS=1 with this test writes it', () => {
  const from = page.indexOf(BEGIN) + BEGIN.length
  const to = page.indexOf(END)
  if (process.env.BACKSTITCH_UPDATE_DOCS === '1') {
    writeFileSync(DOCUMENT, `${page.slice(0, from)}\n${wanted()}\n${page.slice(to)}`)
    return
  }
  assert.equal(page.slice(from, to), `\n${wanted()}\n`)
})
