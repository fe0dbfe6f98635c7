import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { LAB_PACKAGES } from '../../lab/requirements.ts'
import type { Result } from '../../lab/run-scenario.ts'
import { SCENARIOS } from '../../lab/scenarios/all.ts'
import { PROGRAM } from '../installation.ts'
import { needs } from '../needs.ts'
import { finish } from '../program.ts'

const PACKAGES = Object.keys(LAB_PACKAGES) as (keyof typeof LAB_PACKAGES)[]
const SKIP = needs('root', 'netns', ...PACKAGES)

/** A run that takes longer is one that hangs: it takes eighteen minutes on two processors, with five for the leak alone. */
const WHOLE_LIST_MS = 40 * 60_000

test('lab: every fault is noticed by itself, named at its hop, cured by what the doctor prints', {
  skip: SKIP,
  timeout: WHOLE_LIST_MS,
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-lab-'))
  t.after(() => rm(dir, { recursive: true }))
  const report = path.join(dir, 'report.json')
  const { code, stdout, stderr } = await finish([PROGRAM, 'lab', 'run', '--all', '--report', report], {
    timeoutMs: WHOLE_LIST_MS,
  })
  assert.equal(code, 0, `${stdout}${stderr}`)
  const results = JSON.parse(readFileSync(report, 'utf8')) as Result[]
  for (const { scenario, variant, skipped, besideOthers } of results) {
    if (skipped !== undefined) t.diagnostic(`${scenario}:${variant} was not run: ${skipped}`)
    if (besideOthers !== undefined)
      t.diagnostic(`${scenario}:${variant} only alone: ${besideOthers.join('; ')}`)
  }
  const all = SCENARIOS.flatMap(({ id, variants }) => variants.map(({ name }) => `${id}:${name}`))
  assert.deepEqual(
    results.map(({ scenario, variant }) => `${scenario}:${variant}`),
    all,
  )
})

test('lab: when it was ended in the middle, nothing of it is left', { skip: SKIP }, async () => {
  let pid = 0
  const namespaces = () => (existsSync('/run/netns') ? readdirSync('/run/netns') : [])
  const others = new Set(namespaces())
  const { code } = await finish([PROGRAM, 'lab', 'run', 'SCN-05:reset'], {
    started: (child) => {
      child.stderr!.on('data', (text: Buffer) => {
        if (!String(text).includes('server, resolver')) return
        const [name = ''] = namespaces().filter((one) => !others.has(one))
        pid = Number(/^bslab-(\d+)-/.exec(name)?.[1])
        child.kill('SIGTERM')
      })
    },
  })
  assert.notEqual(code, 0)
  assert.ok(pid > 0)
  const left = ['/run/netns', '/etc/netns'].flatMap((folder) => readdirSync(folder))
  assert.deepEqual(
    left.filter((name) => name.startsWith(`bslab-${pid}-`)),
    [],
  )
})

test('lab: names of scenarios and variants are used once, and every story is told', () => {
  const names = SCENARIOS.flatMap(({ id, variants }) => variants.map(({ name }) => `${id}:${name}`))
  assert.equal(new Set(names).size, names.length)
  for (const { story, variants } of SCENARIOS) {
    assert.ok(story.length > 100)
    for (const { hints } of variants) assert.ok(hints.length >= 3)
  }
})
