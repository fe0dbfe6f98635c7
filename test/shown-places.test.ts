import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { finish } from './program.ts'
import { places, SHOWN } from './shown.ts'

const ROOT = path.resolve(import.meta.dirname, '..')

interface Coverage {
  readonly result: readonly {
    readonly url: string
    readonly functions: readonly { readonly ranges: readonly Range[] }[]
  }[]
}
interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/** What ran of each file while that test did, by what the engine counted: types are blanked out, so offsets stay. */
async function ranIn(file: string): Promise<(place: { file: string; offset: number }) => boolean> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bs-places-'))
  try {
    const env = { NODE_V8_COVERAGE: folder, NODE_TEST_CONTEXT: undefined }
    const { code, stdout, stderr } = await finish([process.execPath, path.join(ROOT, file)], { env })
    assert.equal(code, 0, `${file}:\n${stdout}${stderr}`)
    const ranges = new Map<string, Range[]>()
    for (const name of readdirSync(folder)) {
      const { result } = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Coverage
      for (const { url, functions } of result)
        ranges.set(url, [...(ranges.get(url) ?? []), ...functions.flatMap((one) => one.ranges)])
    }
    return (place) => {
      const around = (ranges.get(`${pathToFileURL(path.join(ROOT, place.file))}`) ?? [])
        .filter(({ startOffset, endOffset }) => startOffset <= place.offset && place.offset < endOffset)
        .sort((a, b) => a.endOffset - a.startOffset - (b.endOffset - b.startOffset))
      return (around[0]?.count ?? 0) > 0
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Those of pure checks: a test with machines of its own takes its minutes, and asserts the words itself. */
const files = new Set(
  Object.values(SHOWN)
    .flat()
    .filter((one) => one.startsWith('src/')),
)
for (const file of files) {
  test(`${file} reaches every place of the doctor that it is named to show`, async () => {
    const ran = await ranIn(file)
    const missed = Object.entries(SHOWN)
      .filter(([name, by]) => by.includes(file) && !places().some((one) => one.name === name && ran(one)))
      .map(([name]) => name)
    assert.deepEqual(missed, [])
  })
}
