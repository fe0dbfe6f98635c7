import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { CONNECTOR_SHARES } from '../src/base/share-table/connector.ts'
import { CONTROL_SHARES } from '../src/base/share-table/control.ts'
import { EDGE_SHARES } from '../src/base/share-table/edge.ts'
import { LOG_SHARE } from '../src/base/share-table/log.ts'
import type { ShareRow } from '../src/base/share-table/row.ts'

/** docs/operations.md: who may hold how much of what, written from the table that the code takes its numbers from. */
const ROOT = path.resolve(import.meta.dirname, '..')
const DOCUMENT = path.join(ROOT, 'docs/operations.md')
const BEGIN = '<!-- shares: begin -->\n'
const END = '<!-- shares: end -->\n'

const PARTS: readonly (readonly [string, readonly ShareRow[]])[] = [
  ['connector', Object.values(CONNECTOR_SHARES)],
  ['edge', Object.values(EDGE_SHARES)],
  ['control', Object.values(CONTROL_SHARES)],
  ['each', [LOG_SHARE]],
]
const ROWS = PARTS.flatMap(([at, rows]) => rows.map((row) => ({ at, row })))

const number = (n: number) => `${n}`.replace(/\B(?=(\d{3})+$)/g, ' ')

function pace(perSecond: number): string {
  if (perSecond >= 1) return `${number(perSecond)} a second`
  return `one in ${number(Math.round(1 / perSecond))} s`
}

/** By whom, and how much. */
function limits(row: ShareRow): string[] {
  if ('limit' in row) return [`${row.by}: ${row.limit}`]
  if ('rates' in row) {
    return row.rates
      .filter((rate) => rate !== undefined)
      .map(({ by, burst, perSecond }) => `${by}: ${number(burst)} at once, then ${pace(perSecond)}`)
  }
  const all = Number.isFinite(row.of) ? `of ${number(row.of)} ` : ''
  return row.shares
    .filter((share) => share !== undefined)
    .map(({ by, weight, most }) => {
      const times = weight === 1 ? 'as many as are free' : `${weight} × what is free`
      if (!Number.isFinite(row.of)) return `${by}: ${number(most!)}`
      return `${by}: ${all}${times}${most === undefined ? '' : `, ${number(most)} at most`}`
    })
}

function wanted(): string {
  const head = '| at | what | who may hold how much | told |\n|---|---|---|---|\n'
  const lines = ROWS.map(({ at, row }) => {
    const note = row.note === undefined ? '' : ` (${row.note})`
    const code = row.code === 'none' || row === LOG_SHARE ? '–' : `\`${row.code}\``
    return `| ${at} | ${row.resource} | ${limits(row).join('; ')}${note} | ${code} |\n`
  })
  return head + lines.join('')
}

test('docs/operations.md says what the table says: BACKSTITCH_UPDATE_DOCS=1 with this test writes it', () => {
  const page = readFileSync(DOCUMENT, 'utf8')
  const from = page.indexOf(BEGIN) + BEGIN.length
  const to = page.indexOf(END)
  assert.ok(from >= BEGIN.length && to >= from, 'the marks are there')
  if (process.env.BACKSTITCH_UPDATE_DOCS === '1') {
    writeFileSync(DOCUMENT, `${page.slice(0, from)}${wanted()}${page.slice(to)}`)
    return
  }
  assert.equal(page.slice(from, to), wanted())
})

for (const { at, row } of ROWS) {
  test(`${at}, ${row.resource}: the test that the row names is there`, () => {
    const [, file = '', title] = /^(\S+\.test\.ts): (.+)$/.exec(row.test)!
    const found = path.join(ROOT, file.startsWith('test/') ? '' : 'src', file)
    assert.ok(existsSync(found), file)
    assert.ok(readFileSync(found, 'utf8').includes(`test('${title}'`), `${file} has no test ${title}`)
  })
}
