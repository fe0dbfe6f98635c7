import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { LAB_PACKAGES } from '../../lab/requirements.ts'
import type { Result } from '../../lab/run-scenario.ts'
import { chooseQuick } from '../../lab/scenarios/parts.ts'
import { PROGRAM } from '../installation.ts'
import { needs } from '../needs.ts'
import { finish } from '../program.ts'

const PACKAGES = Object.keys(LAB_PACKAGES) as (keyof typeof LAB_PACKAGES)[]
export const LAB_SKIP = needs('root', 'netns', ...PACKAGES)

/** Whoever runs this test sees that it gets on, and ends it when it does not. */
const NEVER_MS = 2 ** 31 - 1

/** Each variant of this part of the list: broken, noticed, named, cured, verified. */
export async function runPart(t: TestContext, part: 'quick' | 'rest'): Promise<void> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-lab-'))
  t.after(() => rm(dir, { recursive: true }))
  const report = path.join(dir, 'report.json')
  const { code, stdout, stderr } = await finish([PROGRAM, 'lab', 'run', `--${part}`, '--report', report], {
    timeoutMs: NEVER_MS,
    started: (child) => child.stderr!.pipe(process.stderr, { end: false }),
  })
  assert.equal(code, 0, `${stdout}${stderr}`)
  const results = JSON.parse(readFileSync(report, 'utf8')) as Result[]
  for (const { scenario, variant, skipped, besideOthers } of results) {
    if (skipped !== undefined) t.diagnostic(`${scenario}:${variant} was not run: ${skipped}`)
    if (besideOthers !== undefined)
      t.diagnostic(`${scenario}:${variant} only alone: ${besideOthers.join('; ')}`)
  }
  assert.deepEqual(
    results.map(({ scenario, variant }) => `${scenario}:${variant}`),
    chooseQuick(part === 'quick').map(({ scenario, variant }) => `${scenario.id}:${variant.name}`),
  )
}
