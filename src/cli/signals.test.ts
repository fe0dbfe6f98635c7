import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'

const ROOT = path.resolve(import.meta.dirname, '../..')
const SCRIPT = `
import { untilStopped } from '${path.join(ROOT, 'src/cli/signals.ts')}'
const reload = process.argv.includes('reload') ? () => console.log('reloaded') : undefined
const stop = untilStopped({ reload })
const alive = setInterval(() => {}, 1000)
process.on('SIGUSR2', () => console.log('alive'))
stop.signal.addEventListener('abort', () => {
  console.log('asked')
  if (!process.argv.includes('hang')) clearInterval(alive)
})
console.log('ready')
`

/** Under a shell that runs `prefix` before: the program as its process. */
function start(t: { after(work: () => void): void }, args: string[] = [], prefix = '') {
  const command = `${prefix} exec "$0" --input-type=module -e "$1" -- ${args.join(' ')}`
  const child = spawn('sh', ['-c', command, path.join(ROOT, 'bin/node'), SCRIPT], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return { child, line: async () => (await lines.next()).value as string, exit: once(child, 'exit') }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  test(`${signal} asks once, and the second time ends at once`, async (t) => {
    const { child, line, exit } = start(t, ['hang'])
    assert.equal(await line(), 'ready')
    child.kill(signal)
    assert.equal(await line(), 'asked')
    child.kill(signal)
    assert.deepEqual(await exit, [{ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal], null])
  })
}

test('SIGHUP has a role without a terminal read again what it can', async (t) => {
  const { child, line, exit } = start(t, ['reload'])
  assert.equal(await line(), 'ready')
  child.kill('SIGHUP')
  assert.equal(await line(), 'reloaded')
  child.kill('SIGTERM')
  assert.equal(await line(), 'asked')
  assert.deepEqual(await exit, [0, null])
})

test('SIGHUP that was ignored at the start stays ignored, as nohup wants it', async (t) => {
  const { child, line, exit } = start(t, [], "trap '' HUP;")
  assert.equal(await line(), 'ready')
  child.kill('SIGHUP')
  child.kill('SIGUSR2')
  assert.equal(await line(), 'alive')
  child.kill('SIGTERM')
  assert.equal(await line(), 'asked')
  assert.deepEqual(await exit, [0, null])
})
