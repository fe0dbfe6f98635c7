import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'

test('figures are still read when not one file can be opened any more', () => {
  const script = `
    import { openSync } from 'node:fs'
    import { FiguresReader } from '${path.join(import.meta.dirname, 'figures-reader.ts')}'
    const reader = new FiguresReader()
    const unread = new FiguresReader()
    const before = await reader.read()
    try { for (;;) openSync('/dev/null') } catch {}
    const after = await reader.read()
    const first = await unread.read()
    console.log(JSON.stringify({ before, after, first }))`
  const node = `ulimit -n 64 && exec ${process.execPath} --disable-warning=ExperimentalWarning --input-type=module -e "$0"`
  const child = spawnSync('sh', ['-c', node, script], { encoding: 'utf8', timeout: 20_000 })
  assert.equal(child.status, 0, child.stderr)
  const { before, after, first } = JSON.parse(child.stdout)
  assert.ok(before.fds < 64)
  assert.equal(after.fds, 64)
  assert.equal(after.fdLimit, 64)
  assert.deepEqual([first.fds, first.fdLimit], [64, 64], 'also where none was read before')
  assert.ok(after.rssBytes >= before.rssBytes && before.rssBytes > 0)
})
