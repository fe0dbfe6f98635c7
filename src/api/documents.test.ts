import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import { atOnce } from '../base/slices.ts'
import { checkDocuments, joinFiles, located, readDocuments } from './documents.ts'
import { InvalidFault, MAX_ERRORS } from './invalid.ts'

/** All that is wrong with a text, as a person reads it. */
function complaints(text: string): string[] {
  try {
    const source = readDocuments(text, 'a.yaml')
    try {
      atOnce(checkDocuments(source.documents))
      return []
    } catch (fault) {
      assert.ok(fault instanceof InvalidFault)
      return located(source, fault.errors)
    }
  } catch (fault) {
    assert.ok(fault instanceof Fault && fault.code === 'INVALID')
    return [fault.detail]
  }
}

const CASES: { name: string; text: string; want: (string | RegExp)[] }[] = [
  { name: 'nothing', text: '', want: [] },
  { name: 'separators only', text: '---\n---\n# nothing\n', want: [] },
  { name: 'one object', text: 'kind: segment-group\nname: office\n', want: [] },
  { name: 'the plural as kind', text: 'kind: segment-groups\nname: office\n', want: [] },
  {
    name: 'an unknown key',
    text: 'kind: connector-group\nname: dc1\nlocatoin: Oslo\n',
    want: ['a.yaml:3:1: unknown key "locatoin"; did you mean "location"?'],
  },
  {
    name: 'an unknown kind',
    text: 'kind: segmnet\nname: wiki\n',
    want: ['a.yaml:1:1: unknown kind "segmnet"; did you mean "segment"?'],
  },
  {
    name: 'a kind that is not declared',
    text: 'kind: connector\nname: web1\n',
    want: ['a.yaml:1:1: a connector cannot be declared: it is created automatically'],
  },
  {
    name: 'no kind',
    text: 'name: wiki\n',
    want: [/^a\.yaml:1:1: expected a kind: connector-group, server,/],
  },
  {
    name: 'wrong in two documents',
    text: 'kind: user\nname: a b\n---\n\nkind: segment\nname: wiki\ndomains:\n  - ok.example\n  - no name\ntcp: ["99999"]\n',
    want: [/^a\.yaml:2:1: a name is/, /^a\.yaml:9:5: expected a DNS name/, /^a\.yaml:10:7: expected a port/],
  },
  {
    name: 'the same twice',
    text: 'kind: user-group\nname: staff\n---\nkind: user-group\nname: staff\n',
    want: ['a.yaml:5:1: a second user group staff'],
  },
  { name: 'a list', text: '- kind: user\n', want: ['a.yaml:1:1: expected a map with kind and name'] },
  { name: 'a key twice', text: 'kind: user\nkind: user\n', want: [/^a\.yaml:2:1: .*unique/i] },
  { name: 'broken YAML', text: 'kind: user\nname: "open\n', want: [/^a\.yaml:\d+:\d+: /] },
  { name: 'a tab for indentation', text: 'kind: user\ngroups:\n\t- a\n', want: [/^a\.yaml:3:1: /] },
  {
    name: 'an alias bomb',
    text: `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c]\n`,
    want: [/^a\.yaml:1:1: .*alias/i],
  },
]
for (const { name, text, want } of CASES) {
  test(`a file with ${name}`, () => {
    const got = complaints(text)
    assert.equal(got.length, want.length, got.join('\n'))
    for (const [index, expected] of want.entries()) {
      if (typeof expected === 'string') assert.equal(got[index], expected)
      else assert.match(got[index]!, expected)
    }
  })
}

test('a reference error of the server points into the file too', () => {
  const source = readDocuments('kind: server-group\nname: web\nconnectorGroups:\n- dc1\n- dc2\n', 'a.yaml')
  const errors = [{ pointer: '/documents/0/connectorGroups/1', detail: 'no such group' }]
  assert.deepEqual(located(source, errors), ['a.yaml:5:3: no such group'])
})

test('any text is read or refused with a place, never anything else', () => {
  const piece = fc.constantFrom(
    'kind: ',
    'user',
    '\n',
    '---\n',
    '- ',
    '  ',
    '"',
    '[',
    '{',
    ': ',
    '&a ',
    '*a',
    '!!js ',
    '\t',
    '%',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 3 })), { maxLength: 25 }), (pieces) => {
      for (const line of complaints(pieces.join(''))) assert.match(line, /^a\.yaml:[1-9]\d*:[1-9]\d*: /)
    }),
  )
})

test('several files are one, and each place is told by its own file', () => {
  const one = readDocuments('kind: user\nname: ada\n---\nkind: user\nname: bob\n', 'a.yaml')
  const other = readDocuments('kind: user\nname: eve\ngruops: []\n', 'b.yaml')
  const both = joinFiles([one, other])
  assert.deepEqual(
    both.documents.map(({ name }) => name),
    ['ada', 'bob', 'eve'],
  )
  assert.deepEqual(located(both, [{ pointer: '/documents/1/name', detail: 'x' }]), ['a.yaml:5:1: x'])
  assert.deepEqual(located(both, [{ pointer: '/2/gruops', detail: 'x' }]), ['b.yaml:3:1: x'])
})

test('of very many wrong places the first are told, and what somebody wrote is not said back whole', () => {
  const wrong = Array.from({ length: 5000 }, (_, n) => ({
    kind: 'user',
    name: `u${n}`,
    ['z'.repeat(5000)]: 1,
  }))
  try {
    atOnce(checkDocuments(wrong))
    assert.fail('it was taken')
  } catch (fault) {
    assert.ok(fault instanceof InvalidFault)
    assert.equal(fault.errors.length, MAX_ERRORS)
    assert.ok(fault.message.length < 100_000)
  }
})

const TOO_LARGE: [what: string, document: object, says: RegExp][] = [
  ['a list', { kind: 'user', name: 'x', groups: Array(1001).fill('g') }, /\/0\/groups: at most 1000 items/],
  [
    'keys',
    { kind: 'user', ...Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, 1])) },
    /256 keys/,
  ],
  ['depth', JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`), /nested too deeply/],
]
for (const [what, document, says] of TOO_LARGE) {
  test(`a document with too much of ${what} is refused before its schema is asked`, () => {
    assert.throws(() => atOnce(checkDocuments([document as Record<string, unknown>])), {
      code: 'INVALID',
      message: says,
    })
  })
}
