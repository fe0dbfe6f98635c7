import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import type { Fault } from './faults.ts'
import { KeptProcess } from './kept-process.ts'
import { silentLog } from './log.ts'

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

const byItself = (kept: KeptProcess<object, object>) => process.kill(kept.pid!, 'SIGKILL')
for (const { kind, end, says } of [
  { kind: 'worker', end: byItself, says: 'edge WORKER_ENDED edge worker 1 exited: SIGKILL' },
  {
    kind: 'worker',
    end: (kept) => kept.kill('it says nothing'),
    says: 'edge WORKER_ENDED edge worker 1 exited: killed by its main process: it says nothing',
  },
  { kind: 'part', end: byItself, says: 'edge INTERNAL the edge worker 1 process exited: SIGKILL' },
] as const satisfies { kind: string; end: (kept: KeptProcess<object, object>) => void; says: string }[]) {
  test(`a ${kind} that ends unasked: ${says}`, async () => {
    const [started, ended] = [Promise.withResolvers<object>(), Promise.withResolvers<Fault>()]
    await using kept = new KeptProcess<object, object>({
      ...{ kind, name: 'edge worker 1', hop: 'edge', log: silentLog },
      entry: path.join(import.meta.dirname, 'kept-process.fixture.ts'),
      first: () => ({}),
      last: () => ({ end: true }),
      onNews: started.resolve,
      onEnded: ended.resolve,
    })
    kept.start()
    await started.promise
    end(kept)
    const { hop, code, detail } = await ended.promise
    assert.equal(`${hop} ${code} ${detail}`, says)
  })
}

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
