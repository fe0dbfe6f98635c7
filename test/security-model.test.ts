import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

/** docs/security-model.md: what each attacker tries, what comes of it, and the tests that hold it, by file and title. */
const ROOT = path.resolve(import.meta.dirname, '..')
const PAGE = readFileSync(path.join(ROOT, 'docs/security-model.md'), 'utf8')
const HEAD = '| tries | what comes of it | held by |'
/** `file` "title", the file below src unless it begins with test/. */
const HELD_BY = /`([^`]+\.test\.ts)`(?: "([^"]+)")?/g

interface Row {
  readonly attacker: string
  readonly tries: string
  readonly held: readonly { readonly file: string; readonly title?: string }[]
}

function rowsOf(page: string): Row[] {
  return page.split(/^### /m).flatMap((section) => {
    const [attacker = '', ...lines] = section.split('\n')
    const from = lines.indexOf(HEAD)
    if (from === -1) return []
    const rest = lines.slice(from + 2)
    const end = rest.findIndex((line) => !line.startsWith('|'))
    return rest.slice(0, end === -1 ? undefined : end).map((line) => {
      const [, tries = '', , by = ''] = line.split(/ *(?<!\\)\| */)
      const held = [...by.matchAll(HELD_BY)].map(([, file, title]) => ({ file: file!, title }))
      return { attacker, tries, held }
    })
  })
}

const rows = rowsOf(PAGE)

test('each row of the security model names a test that is there', () => {
  assert.ok(rows.length > 60, `${rows.length} rows`)
  const wrong = rows.flatMap(({ attacker, tries, held }) => {
    if (held.length === 0) return [`${attacker}: "${tries}" names no test`]
    return held.flatMap(({ file, title }) => {
      const where = path.join(ROOT, file.startsWith('test/') ? file : `src/${file}`)
      if (!existsSync(where)) return [`${attacker}: "${tries}": ${file} is not there`]
      if (title === undefined) return [`${attacker}: "${tries}": ${file} without a title`]
      return readFileSync(where, 'utf8').includes(title)
        ? []
        : [`${attacker}: "${tries}": ${file} has no "${title}"`]
    })
  })
  assert.deepEqual(wrong, [])
})

test('each attack on a whole system stands in the security model', () => {
  const named = new Set(rows.flatMap(({ held }) => held.map(({ file }) => file)))
  const attacks = globSync('test/{misuse-*,edge/stolen-*}.test.ts', { cwd: ROOT })
  assert.deepEqual(
    attacks.filter((file) => !named.has(file)),
    [],
  )
})
