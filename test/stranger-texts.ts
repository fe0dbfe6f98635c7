/** Whatever reads text of strangers, and texts that are made to cost it time. */
import { z } from 'zod'
import { readDocuments } from '../src/api/documents.ts'
import { invalidFrom } from '../src/api/invalid.ts'
import { checkText } from '../src/api/text-shape.ts'
import { nearest } from '../src/base/nearest.ts'
import { redact } from '../src/base/redact.ts'
import { atOnce } from '../src/base/slices.ts'
import { visibleLine, visibleText } from '../src/base/visible-text.ts'
import { answerFraming } from '../src/client/entry/http-answers.ts'
import { parseHead } from '../src/client/entry/http-head.ts'
import { readTarget } from '../src/client/entry/http-target.ts'
import { checkHost } from '../src/control/rest/host-check.ts'
import { isTokenText } from '../src/control/rest/token-text.ts'
import { parseIdentityUri } from '../src/pki/identity.ts'
import { parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import { canonicalCidr, canonicalHost, canonicalPattern } from '../src/policy/destination.ts'
import { parsePorts } from '../src/policy/ports.ts'
import { isTimeZone } from '../src/policy/time-window.ts'
import { freeName } from '../src/store/agent-fields.ts'
import { cursorKey } from '../src/store/page.ts'
import {
  agentMessage,
  controlMessage,
  enrolRequest,
  loginRequest,
  MAX_MESSAGE_BYTES,
} from '../src/wire/control.ts'

export interface Reader {
  readonly name: string
  /** Longer is refused before it is read. */
  readonly maxChars: number
  readonly read: (text: string) => unknown
  /** By name: a text of about so many characters. */
  readonly texts: ReadonlyMap<string, (chars: number) => string>
}

/** Each has an end that undoes the hope of whoever tried to match the rest. */
const PIECES = [
  'a',
  '.',
  'a.',
  '-',
  '*.',
  'xn--',
  '0',
  '1.',
  ':',
  '::',
  'ä',
  'e\u0301',
  ' ',
  '\t',
  '@',
  'a@',
  '%',
  '/',
  '\\',
  '"',
  "'",
  '+',
  '\n',
  '[',
  '{',
  '(',
  '|',
  '=',
  'a=',
  ',',
  ';',
  '\r\n',
  'a: b\r\n',
  '\u001b[',
  '- ',
  '&a ',
  '*a ',
]
const ENDS = ['', '!', '\u0000']

const RAW = new Map(
  PIECES.flatMap((piece) =>
    ENDS.map(
      (end) =>
        [
          JSON.stringify(piece + end),
          (chars: number) => piece.repeat(Math.ceil(chars / piece.length)).slice(0, chars - end.length) + end,
        ] as const,
    ),
  ),
)

function raw(name: string, maxChars: number, read: (text: string) => unknown): Reader {
  return { name, maxChars, read, texts: RAW }
}

const REST_BYTES = 256 * 1024

/** Of text that reads as any kind: a local file, an answer, a header, a name. */
export const TEXT_READERS: readonly Reader[] = [
  raw('canonicalHost', 65_536, canonicalHost),
  raw('canonicalPattern', 65_536, canonicalPattern),
  raw('canonicalCidr', 65_536, canonicalCidr),
  raw('parsePorts', 65_536, parsePorts),
  raw('isTimeZone', 65_536, isTimeZone),
  raw('parseIdentityUri', 65_536, parseIdentityUri),
  raw('parseProvisioningKey', 65_536, parseProvisioningKey),
  raw('isTokenText', 16_384, isTokenText),
  raw('Host header', 16_384, (text) => checkHost(() => text, ['control.example'])),
  raw('cursor', 512, cursorKey),
  raw('request head', 65_536, (text) => parseHead(`GET http://a.example/ HTTP/1.1\r\nX: ${text}\r\n\r\n`)),
  raw('request line', 65_536, (text) => parseHead(`GET ${text} HTTP/1.1\r\n\r\n`)),
  raw('request target', 65_536, (text) => readTarget(text)),
  raw('answer head', 65_536, (text) => answerFraming(`HTTP/1.1 200 OK\r\nX: ${text}\r\n\r\n`, 'GET')),
  raw('nearest word', 65_536, (text) => nearest(text, ['segments', text.slice(0, 60)])),
  raw('visibleText', 65_536, visibleText),
  raw('visibleLine', 65_536, visibleLine),
  raw('redact', 65_536, (text) => redact(text, {} as never)),
  raw('documents', 8192, (text) => readDocuments(text, 'f.yaml')),
  raw('free name', 65_536, (text) => void freeName(text, async () => false)),
]

/** As `route.ts` reads: the shape of a text, JSON, its schema, and what to say of it. */
export function jsonReader(name: string, schema: z.ZodType, maxChars = REST_BYTES): Reader {
  const form = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Form
  return {
    name,
    maxChars,
    read(text) {
      atOnce(checkText(text))
      const value: unknown = JSON.parse(text)
      const { error } = schema.safeParse(value)
      if (error !== undefined) throw invalidFrom(error, schema)
    },
    texts: jsonTexts(form),
  }
}

export const MESSAGE_READERS: readonly Reader[] = [
  jsonReader('enrolment', enrolRequest, 65_536),
  jsonReader('sign-in', loginRequest, 65_536),
  ...[agentMessage, controlMessage].flatMap((union) =>
    (union.options as z.ZodType[]).map((option, at) =>
      jsonReader(`message ${at}`, option, MAX_MESSAGE_BYTES),
    ),
  ),
]

interface Form {
  readonly $defs?: Record<string, Form>
  readonly $ref?: string
  readonly type?: string
  readonly const?: unknown
  readonly enum?: unknown[]
  readonly anyOf?: Form[]
  readonly oneOf?: Form[]
  readonly allOf?: Form[]
  readonly properties?: Record<string, Form>
  readonly additionalProperties?: Form | boolean
  readonly items?: Form
  readonly maxLength?: number
}

/** Values of the form: with long words, with long lists, with keys that nobody knows. */
function jsonTexts(form: Form): Map<string, (chars: number) => string> {
  const made = new Map<string, (chars: number) => string>()
  for (const piece of ['a', 'a.', 'ä', '1.', '"']) {
    const word = (chars: number) => piece.repeat(Math.ceil(chars / piece.length)).slice(0, chars)
    made.set(`long words of ${piece}`, (chars) =>
      JSON.stringify(sampleOf(form, { word: word(chars / 4), items: 1 })),
    )
    made.set(`long lists of ${piece}`, (chars) =>
      JSON.stringify(sampleOf(form, { word: word(16), items: Math.ceil(chars / 400) })),
    )
    made.set(`unknown keys of ${piece}`, (chars) => {
      const extra = Array.from({ length: Math.ceil(chars / 70) }, (_, at) => [word(50) + at, at])
      return JSON.stringify({
        ...(sampleOf(form, { word: 'a', items: 1 }) as object),
        ...Object.fromEntries(extra),
      })
    })
  }
  made.set(
    'nesting',
    (chars) => '['.repeat(Math.min(chars / 2, 4000)) + ']'.repeat(Math.min(chars / 2, 4000)),
  )
  return made
}

function sampleOf(form: Form, o: { word: string; items: number; root?: Form; depth?: number }): unknown {
  const { root = form, depth = 0 } = o
  if (depth > 8) return null
  const inside = (part: Form) => sampleOf(part, { ...o, root, depth: depth + 1 })
  if (form.$ref !== undefined) return inside(root.$defs?.[form.$ref.split('/').at(-1)!] ?? {})
  if (form.const !== undefined) return form.const
  if (form.enum !== undefined) return form.enum[0]
  const choice = form.anyOf ?? form.oneOf
  if (choice !== undefined) return inside(choice[0]!)
  if (form.allOf !== undefined) return Object.assign({}, ...form.allOf.map(inside))
  switch (form.type) {
    case 'object': {
      const known = Object.entries(form.properties ?? {}).map(([key, part]) => [key, inside(part)])
      const any = form.additionalProperties
      const more =
        typeof any === 'object'
          ? Array.from({ length: Math.min(o.items, 1000) }, (_, at) => [
              `${o.word.slice(0, 32)}${at}`,
              inside(any),
            ])
          : []
      return Object.fromEntries([...known, ...more])
    }
    case 'array':
      // Lists within lists would be longer than any body.
      return Array.from({ length: o.items }, () =>
        sampleOf(form.items ?? {}, { ...o, items: 1, root, depth: depth + 1 }),
      )
    case 'integer':
    case 'number':
      return 1
    case 'boolean':
      return true
    default:
      return o.word
  }
}
