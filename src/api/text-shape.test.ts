import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repeatedMember } from '../base/json-members.ts'
import { atOnce, type Steps } from '../base/slices.ts'
import { MAX_DOCUMENTS } from './apply.ts'
import { MAX_ITEMS, MAX_KEYS } from './shape.ts'
import { checkText, MAX_MEMBERS, MAX_VALUES } from './text-shape.ts'

const list = (many: number, item = '1') => `[${Array(many).fill(item).join(',')}]`
const object = (many: number) => `{${Array.from({ length: many }, (_, n) => `"k${n}":1`).join(',')}}`
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)
const documents = (...some: readonly string[]) => `{"documents":[${some.join(',')}]}`

const FITS: [what: string, text: string, manyDocuments: boolean][] = [
  ['as many items as there may be', `{"a":${list(MAX_ITEMS)}}`, false],
  ['as many keys', object(MAX_KEYS), false],
  ['as deep', deep(13), false],
  ['commas and brackets in a text', `{"a":"${'[{,'.repeat(2000)}\\",[[[[[[[[[[[[[[[["}`, false],
  ['more documents than items of a list', documents(...Array<string>(MAX_DOCUMENTS).fill('{}')), true],
  ['a document as deep as a body', documents(deep(13)), true],
  ['no JSON', ']]}},,"', false],
]
for (const [what, text, manyDocuments] of FITS) {
  test(`taken: ${what}`, () => assert.equal(atOnce(checkText(text, { manyDocuments })), undefined))
}

const TOO_LARGE: [what: string, text: string, says: RegExp, manyDocuments?: boolean][] = [
  ['a list', `{"x":1,"a\\/b":[{},{"c":${list(MAX_ITEMS + 1)}}]}`, /^\/a~1b\/1\/c: at most 1000 items$/],
  ['keys', `[0,${object(MAX_KEYS + 1)}]`, /^\/1: at most 256 keys$/],
  ['depth', `{"a":[7,${'{"b":'.repeat(200_000)}`, /^\/a\/1(?:\/b){11}: this is nested too deeply$/],
  ['depth of a document', documents('{}', deep(14)), /^\/documents\/1(?:\/0){13}: this is nested/, true],
  ['documents', documents(...Array<string>(10_001).fill('{}')), /^\/documents: at most 10000 items$/, true],
  ['a list of a document', documents(`{"a":${list(1001)}}`), /^\/documents\/0\/a: at most 1000 items$/, true],
  ['values', list(900, list(300)), new RegExp(`^/: at most ${MAX_VALUES} values in one body: send fewer`)],
  [
    'members',
    list(900, object(200)),
    new RegExp(`^/: at most ${MAX_MEMBERS} members of objects in one body`),
  ],
]
for (const [what, text, detail, manyDocuments] of TOO_LARGE) {
  test(`too large: ${what}`, () => {
    assert.throws(() => atOnce(checkText(text, { manyDocuments })), { code: 'INVALID', detail })
  })
}

/** How often work can be put down, at least so many times as there are parts of its text. */
function pauses(steps: Steps<unknown>): number {
  let count = 0
  while (!steps.next().done) count++
  return count
}

test('a look at four million characters can be put down at each of its parts', () => {
  const names = Array.from({ length: 100_000 }, (_, n) => `"key number ${n} of this object":1`).join(',')
  const text = `{${names},"twice":1,"twice":2}`
  const parts = Math.floor(text.length / 65_536)
  assert.ok(pauses(checkText(`"${'x'.repeat(1000)}" `.repeat(4000))) >= 60)
  // To count, and then to find it, in smaller parts since names are compared.
  assert.ok(pauses(repeatedMember(text, JSON.parse(text))) >= parts + Math.floor(text.length / 4200))
})
