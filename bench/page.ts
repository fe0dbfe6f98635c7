/**
 * `bin/node bench/page.ts --after FILE… [--before FILE…]` makes docs/benchmarks.md: how to read it, every goal, and the
 * figures of the run. Files of one side are one run in parts. Sections of the page that are not made here stay.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { pageOf, whole } from './page-text.ts'
import type { Report } from './report.ts'

const PAGE = path.join(import.meta.dirname, '..', 'docs', 'benchmarks.md')
const USAGE = 'usage: bin/node bench/page.ts --after FILE… [--before FILE…] [--out FILE]'

const { values } = parseArgs({
  options: {
    after: { type: 'string', multiple: true },
    before: { type: 'string', multiple: true },
    out: { type: 'string', default: PAGE },
  },
})
if (!values.after) {
  console.error(USAGE)
  process.exit(64)
}
const read = (files: readonly string[]) =>
  whole(files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Report))
const page = pageOf({
  after: read(values.after),
  ...(values.before && { before: read(values.before) }),
  old: readFileSync(PAGE, 'utf8'),
})
writeFileSync(values.out, page)
