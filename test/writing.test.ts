import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { badWords, literals, paragraphs, type Sentence } from './writing.ts'

const ROOT = path.resolve(import.meta.dirname, '..')

/** Made by a run of the lab, written by hand as history, or the list of the words themselves. */
const NOT_READ = /docs\/(?:decisions|writing)\.md|\.(?:test|fixture)\.ts$/

const FILES: Readonly<Record<string, (text: string) => Sentence[]>> = {
  'src/**/*.ts': literals,
  'lab/**/*.ts': literals,
  '{README,CONTRIBUTING,docs/*}.md': paragraphs,
}

for (const [glob, sentences] of Object.entries(FILES)) {
  test(`${glob}: no sentence has words that docs/writing.md forbids`, () => {
    const files = globSync(glob, { cwd: ROOT }).filter((file) => !NOT_READ.test(file))
    assert.ok(files.length > 2, 'there is something to read')
    const bad = files.flatMap((file) =>
      sentences(readFileSync(path.join(ROOT, file), 'utf8')).flatMap(({ line, text }) =>
        badWords(text).map((what) => `${file}:${line}: ${what} in: ${text.slice(0, 160)}`),
      ),
    )
    assert.deepEqual(bad, [], `${bad.length} sentences`)
  })
}

const BAD = [
  'The certificate of the edge has ended',
  'Identity sealed anew to the factors of now',
  'Somebody on the way forbids the connection: a firewall that rejects.',
  'The way to the application loses packets over 1400 bytes without a word',
  'An admin has disabled it; control lets it in no more.',
  '/var/lib/x: whose it is cannot be seen',
  'it takes app:8080 for private',
  'app:8080 is as it should be again',
  'asked was the control plane of edge:443',
  'Use a token with one of the roles that are named.',
  'message that nobody waits for',
  'it is out for want of memory',
  'whoever reads it can do what the server can',
]
for (const sentence of BAD) {
  test(`is refused: ${sentence}`, () => assert.notDeepEqual(badWords(sentence), []))
}

const GOOD = [
  "The edge's certificate has expired",
  'the sign-in has ended: the password was changed',
  'healthy 470 ms after startup, running as nobody, listening on no port',
  'user nobody (uid 65534); only root (uid 0) may',
  'Large packets are silently dropped on the path: small messages pass, transfers stall.',
]
for (const sentence of GOOD) {
  test(`is allowed: ${sentence}`, () => assert.deepEqual(badWords(sentence), []))
}

test('literals are read, with what stands in templates; comments and regular expressions are not', () => {
  const source = [
    "// nobody 'reads this'",
    "const a = 'it is \\'one\\'' /* nor \"this\" */",
    "const b = `two §{f('three', { x: `four §{y}` })} five`",
    "const c = /it's `no` string/.test(a)",
  ]
    .join('\n')
    .replaceAll('§', '$')
  assert.deepEqual(
    literals(source).map(({ line, text }) => `${line} ${text}`),
    ["2 it is 'one'", '3 three', '3 four …', '3 two … five'],
  )
})

test('paragraphs of Markdown are read across lines; code is not', () => {
  const page = '# One\n\ntwo\nthree `nobody`\n\n    nobody\n\n```\nnobody\n```\n- four\n'
  assert.deepEqual(
    paragraphs(page).map(({ line, text }) => `${line} ${text}`),
    ['1 # One', '3 two three `…`', '11 - four'],
  )
})
