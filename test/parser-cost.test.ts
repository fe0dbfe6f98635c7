/**
 * Whatever a stranger sends, reading it takes time in proportion to its length, valid or not: no expression goes back and
 * forth, no list is compared with itself, no hint is looked for without end. Told by growth, not by the clock: a text
 * may cost five times what its sixteenth costs, sixteen times over; what squares costs sixteen times that.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientDevicePatch } from '../src/api/client-devices.ts'
import { connectorPatch } from '../src/api/connectors.ts'
import { provisioningKeyInput, provisioningKeyPatch } from '../src/api/keys.ts'
import { OBJECT_KIND_NAMES } from '../src/api/kinds.ts'
import { schemasOf } from '../src/api/resources.ts'
import { tokenInput } from '../src/api/tokens.ts'
import { traceInput } from '../src/api/trace.ts'
import { RestFixture } from '../src/control/rest/fixture.ts'
import { jsonReader, MESSAGE_READERS, type Reader, TEXT_READERS } from './stranger-texts.ts'

const TIMES = 16
const GENEROUS = 5
/** What squares takes longer for the shortest of these texts, on any machine. */
const NOTHING_US = 20_000

const REST_READERS: readonly Reader[] = [
  ...OBJECT_KIND_NAMES.flatMap((kind) => [
    jsonReader(`${kind} input`, schemasOf(kind).input),
    jsonReader(`${kind} patch`, schemasOf(kind).patch),
  ]),
  ...Object.entries({ clientDevicePatch, connectorPatch, provisioningKeyInput, provisioningKeyPatch }).map(
    ([name, schema]) => jsonReader(name, schema),
  ),
  jsonReader('token', tokenInput),
  jsonReader('trace', traceInput),
]

/** Computing time of this thread; of several runs the least. */
function costUs(read: Reader['read'], text: string, runs: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let run = 0; run < runs; run++) {
    const before = process.threadCpuUsage()
    attempt(read, text)
    const { user, system } = process.threadCpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

function growth(read: Reader['read'], large: string, small: string): number {
  const parts = Math.round(large.length / small.length)
  const inParts = () => {
    for (let part = 0; part < parts; part++) attempt(read, small)
  }
  return costUs(read, large, 3) / Math.max(costUs(inParts, '', 3), NOTHING_US / GENEROUS)
}

function attempt(read: Reader['read'], text: string): void {
  try {
    read(text)
  } catch {
    // Refused: that is to be cheap, too.
  }
}

for (const reader of [...TEXT_READERS, ...MESSAGE_READERS, ...REST_READERS]) {
  test(`${reader.name}: a text costs what its parts cost`, () => {
    for (const [name, make] of reader.texts) {
      const large = make(reader.maxChars)
      if (costUs(reader.read, large, 1) <= NOTHING_US) continue
      const times = growth(reader.read, large, make(reader.maxChars / TIMES))
      assert.ok(times <= GENEROUS, `${name}: ${times.toFixed(1)} times what its parts cost`)
    }
  })
}

test('a growth that squares is seen', () => {
  const squares = (text: string) => {
    let sum = 0
    for (let at = 0; at < text.length; at += 4)
      for (let to = 0; to < text.length; to++) sum += text.charCodeAt(to)
    return sum
  }
  const times = growth(squares, 'a'.repeat(16_384), 'a'.repeat(16_384 / TIMES))
  assert.ok(times > GENEROUS, `${times}`)
})

interface Described {
  readonly $ref?: string
  readonly type?: string | string[]
  readonly maxLength?: number
  readonly enum?: unknown[]
  readonly const?: unknown
  readonly pattern?: string
  readonly format?: string
  readonly items?: Described
  readonly properties?: Record<string, Described>
  readonly additionalProperties?: Described | boolean
  readonly anyOf?: Described[]
  readonly oneOf?: Described[]
  readonly allOf?: Described[]
}

test('every text in the body of a request has a length that it cannot pass', async () => {
  await using rest = await RestFixture.open()
  const document = (await rest.ask('GET', '/api/v1/openapi.json', { token: '' })).body
  const seen = new Set<string>()
  const endless: string[] = []
  const walk = (form: Described, at: string): void => {
    if (form.$ref !== undefined) {
      const name = form.$ref.split('/').at(-1)!
      if (seen.has(name)) return
      seen.add(name)
      walk(document.components.schemas[name], name)
      return
    }
    const isText = [form.type].flat().includes('string')
    const isShort = form.maxLength !== undefined || form.enum !== undefined || form.const !== undefined
    // Of a fixed form: a time of day, a moment.
    const isFixed = form.format === 'date-time' || (form.pattern?.endsWith('$') && !/[+*]/.test(form.pattern))
    if (isText && !isShort && !isFixed) endless.push(at)
    for (const part of [form.anyOf, form.oneOf, form.allOf].flatMap((parts) => parts ?? [])) walk(part, at)
    for (const [key, part] of Object.entries(form.properties ?? {})) walk(part, `${at}.${key}`)
    if (form.items !== undefined) walk(form.items, `${at}[]`)
    if (typeof form.additionalProperties === 'object') walk(form.additionalProperties, `${at}{}`)
  }
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods as object))
  for (const { operationId, requestBody } of operations) {
    for (const { schema } of Object.values(
      (requestBody?.content ?? {}) as Record<string, { schema: Described }>,
    ))
      walk(schema, operationId)
  }
  assert.deepEqual(endless, [])
})
