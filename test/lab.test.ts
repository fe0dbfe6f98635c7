import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { LAB_PACKAGES } from '../lab/requirements.ts'
import type { Result } from '../lab/run-scenario.ts'
import { SCENARIOS } from '../lab/scenarios/all.ts'
import { PROGRAM } from './installation.ts'
import { needs } from './needs.ts'
import { finish } from './program.ts'

const PACKAGES = Object.keys(LAB_PACKAGES) as (keyof typeof LAB_PACKAGES)[]
const SKIP = needs('root', 'netns', ...PACKAGES)

/** One of each kind: a file of this machine, a name, the way out, the last mile. The whole list: lab run --all. */
const SELECTION = ['SCN-02:quotes', 'SCN-04:nxdomain', 'SCN-05:reset', 'SCN-14:refused']

test('lab: noticed by itself, named at its hop, cured by what the doctor prints', {
  skip: SKIP,
}, async (t) => {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-lab-'))
  t.after(() => rm(dir, { recursive: true }))
  const report = path.join(dir, 'report.json')
  const { code, stdout, stderr } = await finish([PROGRAM, 'lab', 'run', ...SELECTION, '--report', report], {
    timeoutMs: 230_000,
  })
  assert.equal(code, 0, `${stdout}${stderr}`)
  const results = JSON.parse(readFileSync(report, 'utf8')) as Result[]
  assert.deepEqual(
    results.map(({ scenario, variant, cured }) => `${scenario}:${variant} ${cured}`),
    SELECTION.map((name) => `${name} true`),
  )
})

test('lab: when it was ended in the middle, nothing of it is left', { skip: SKIP }, async () => {
  let pid = 0
  const { code } = await finish([PROGRAM, 'lab', 'run', 'SCN-05:reset'], {
    started: (child) => {
      child.stderr!.on('data', (text: Buffer) => {
        if (!String(text).includes('server, resolver')) return
        const [name = ''] = readdirSync('/run/netns')
          .filter((one) => one.endsWith('-app'))
          .slice(-1)
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
