import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'

const BIN = path.join(import.meta.dirname, '..', '..', 'bin')
const YOUNG = '--max-semi-space-size=4'
const env = { ...process.env, MALLOC_ARENA_MAX: undefined }

test('a kept process has one arena and the young space of its parent, and no other flag of it', () => {
  const main = path.join(import.meta.dirname, 'kept-process.fixture.ts')
  const { stdout } = spawnSync(path.join(BIN, 'node'), [YOUNG, '--no-opt', main], { env, encoding: 'utf8' })
  assert.deepEqual(JSON.parse(stdout), {
    flags: ['--disable-warning=ExperimentalWarning', YOUNG],
    arenas: '1',
  })
})

for (const [args, flags] of [
  ['connector', [YOUNG]],
  ['--json client run', [YOUNG]],
  ['server', []],
  ['get client', []],
] as const) {
  test(`backstitch ${args} starts with ${flags.length === 0 ? 'no flag' : flags} of memory`, () => {
    const tell = 'data:text/javascript,process.stdout.write(process.execArgv.join());process.exit(0)'
    const { stdout } = spawnSync(path.join(BIN, 'backstitch'), args.split(' '), {
      env: { ...env, NODE_OPTIONS: `--import="${tell}"` },
      encoding: 'utf8',
    })
    assert.deepEqual(
      stdout.split(',').filter((flag) => flag.includes('semi-space')),
      flags,
    )
  })
}
