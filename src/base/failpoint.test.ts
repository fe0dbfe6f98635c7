import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const MODULE = new URL('./failpoint.ts', import.meta.url).href
const CASES = [
  {
    name: 'armed: dies by SIGKILL before the next line',
    nodeEnv: 'test',
    armed: 'here',
    signal: 'SIGKILL',
    out: '',
  },
  { name: 'another name: goes on', nodeEnv: 'test', armed: 'elsewhere', signal: null, out: 'after' },
  { name: 'outside of tests: goes on', nodeEnv: 'production', armed: 'here', signal: null, out: 'after' },
]

for (const { name, nodeEnv, armed, signal, out } of CASES) {
  test(`failpoint ${name}`, () => {
    const script = `const { failpoint } = await import(${JSON.stringify(MODULE)}); failpoint('here'); process.stdout.write('after')`
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, NODE_ENV: nodeEnv, BACKSTITCH_FAILPOINT: armed },
      encoding: 'utf8',
    })
    assert.equal(child.signal, signal)
    assert.equal(child.stdout, out)
  })
}
