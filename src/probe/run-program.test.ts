import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from './run-program.ts'

const { signal } = new AbortController()
const node = (script: string, o: { timeoutMs?: number; keepBytes?: number; signal?: AbortSignal } = {}) =>
  runProgram(process.execPath, ['-e', script], { signal, timeoutMs: 20_000, ...o })

test('a program that says more than is kept is not thrown away: the end of it is there, in whole lines', async () => {
  const said = await node(`for (let i = 1; i <= 5000; i++) console.log('line ' + i + ' ' + 'x'.repeat(240))`)
  assert.equal(said?.status, 0)
  const lines = said.stdout.trimEnd().split('\n')
  assert.ok(lines.length > 3500, `${lines.length} lines`)
  assert.match(lines[0]!, /^line \d+ x{240}$/)
  assert.match(lines.at(-1)!, /^line 5000 /)
  const little = await node(`for (let i = 0; i < 100; i++) console.error('e' + i)`, { keepBytes: 10 })
  assert.equal(little?.stderr, 'e98\ne99\n')
})

test('its status, and what it said when it was ended before its time', async () => {
  assert.deepEqual(await node(`console.log('out'); console.error('err'); process.exit(3)`), {
    ...{ status: 3, stdout: 'out\n', stderr: 'err\n' },
  })
  const endless = `console.log('so far'); require('child_process').spawn('sleep', ['60'], { stdio: 'inherit' })`
  assert.deepEqual(await node(endless, { timeoutMs: 1500 }), { status: -1, stdout: 'so far\n', stderr: '' })
  const ending = new AbortController()
  setImmediate(() => ending.abort())
  assert.equal((await node('setInterval(() => {}, 1000)', { signal: ending.signal }))?.status, -1)
})

test('a program that is not there is undefined', async () => {
  assert.equal(await runProgram('no-such-program-here', [], { signal }), undefined)
})
