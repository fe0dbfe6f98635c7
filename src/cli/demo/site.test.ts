import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { whyNot } from './site.ts'

test('a program that a minimal system lacks is named as that, with its package', () => {
  const { error } = spawnSync('ip', { env: { PATH: '/nonexistent' } })
  assert.equal(whyNot(error!), 'the program ip is not installed (apt-get install iproute2)')
  assert.equal(whyNot(new Error('unshare failed\nat')), 'unshare failed')
})
