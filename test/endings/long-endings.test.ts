/**
 * Every way in by the ways to end that take more than a minute, in a network namespace of their own.
 *
 * @module
 */
import assert from 'node:assert/strict'
import path from 'node:path'
import { before, test } from 'node:test'
import { needs } from '../needs.ts'
import { shell, succeed } from '../program.ts'
import { KILLED, VANISHED } from './long-endings.ts'

const MAIN = path.join(import.meta.dirname, 'long-endings-main.ts')
const TIMEOUT_MS = 500_000
const skip = needs('root', 'netns', 'iproute2', 'nftables', 'util-linux')

/** What was wrong, by name. */
const wrong = new Map<string, string | undefined>()
before(async () => {
  if (skip !== false) return
  const main = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN]
  const command = ['unshare', '--net', ...shell('ip link set lo up; exec "$@"', ...main)] as const
  const told = await succeed(command, { timeoutMs: TIMEOUT_MS })
  for (const line of told.trim().split('\n')) {
    const cell = JSON.parse(line) as { name: string; wrong?: string }
    wrong.set(cell.name, cell.wrong)
  }
})

for (const { name } of [...VANISHED, ...KILLED]) {
  test(name, { skip }, () => {
    assert.ok(wrong.has(name), 'it was told')
    assert.equal(wrong.get(name), undefined)
  })
}
