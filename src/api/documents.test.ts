import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../base/faults.ts'
import { checkDocuments, located, readDocuments } from './documents.ts'
import { InvalidFault } from './invalid.ts'

/** All that is wrong with a text, as a person reads it. */
function complaints(text: string): string[] {
  try {
    const source = readDocuments(text, 'a.yaml')
    try {
      checkDocuments(source.documents)
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
    want: ['a.yaml:1:1: a connector cannot be declared: it comes into being by itself'],
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
