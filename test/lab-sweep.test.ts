import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { LAB_NAME, sweep } from '../lab/sweep.ts'
import { needs } from './needs.ts'

test('what a lab left behind is removed, also where its number is taken again; a lab that lives is left alone', {
  skip: needs('root'),
}, async (t) => {
  const ended = spawn('true')
  await once(ended, 'exit')
  const [, pid, at] = LAB_NAME.split('-')
  const folders = {
    own: `${LAB_NAME}own`,
    ended: `bslab-${ended.pid}-1-left`,
    numberTakenAgain: `bslab-${pid}-${Number(at) - 1}-left`,
  }
  const at_ = (name: string) => path.join(os.tmpdir(), name)
  t.after(() => {
    for (const name of Object.values(folders)) rmSync(at_(name), { recursive: true, force: true })
  })
  for (const name of Object.values(folders)) mkdirSync(at_(name))
  await sweep()
  assert.deepEqual(
    Object.entries(folders).flatMap(([is, name]) => (existsSync(at_(name)) ? [is] : [])),
    ['own'],
  )
})
