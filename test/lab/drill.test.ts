import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { finish } from '../../lab/program.ts'
import { LAB_PACKAGES } from '../../lab/requirements.ts'
import { PROGRAM } from '../installation.ts'
import { needs } from '../needs.ts'

const PACKAGES = Object.keys(LAB_PACKAGES) as (keyof typeof LAB_PACKAGES)[]

test('drill: hints and wrong answers cost, the story is told at the end, and the score is kept', {
  skip: needs('root', 'netns', ...PACKAGES),
}, async (t) => {
  const state = await mkdtemp(path.join(os.tmpdir(), 'bs-drill-'))
  t.after(() => rm(state, { recursive: true }))
  const env = { XDG_STATE_HOME: state }
  const answers = ['hint', 'edge', 'EGRESS_BLOCKED', 'what', 'egress rejected', 'n', '']
  const played = await finish([PROGRAM, 'lab', 'drill', 'SCN-05:reset'], {
    ...{ env, input: answers.join('\n'), timeoutMs: 120_000 },
  })
  assert.equal(played.code, 0, played.stderr)
  assert.match(played.stdout, /the hop is right/)
  assert.match(played.stdout, /no, that is not it/)
  assert.match(played.stdout, /7 points for this one, 7 in total/)
  assert.match(played.stdout, /On Tuesday evening/)
  const { stdout } = await finish([PROGRAM, 'lab', 'drill', '--scores'], { env })
  assert.match(stdout, /7 points in one round\n {2}SCN-05:reset +once +best 7, last 7/)
})
