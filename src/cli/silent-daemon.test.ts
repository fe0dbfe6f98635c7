import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { readStatus } from '../base/status-socket.ts'
import { silentClient, silentDaemon } from './silent-daemon.ts'

const SRC = path.resolve(import.meta.dirname, '..')
/** A daemon that opens all that it may, and lets go of it when it is told to. */
const SCRIPT = `
import { closeSync, openSync } from 'node:fs'
import { DescriptorWatch } from '${SRC}/base/descriptor-watch.ts'
import { createLog } from '${SRC}/base/log.ts'
import { StatusSocket } from '${SRC}/base/status-socket.ts'
await StatusSocket.open(process.argv[1], () => ({ state: 'good' }))
new DescriptorWatch(createLog('client', { destination: process.stdout }), 5)
const held = []
process.on('SIGUSR2', () => { for (const descriptor of held) closeSync(descriptor) })
try { for (;;) held.push(openSync('/dev/null')) } catch {}
`

async function start(t: TestContext) {
  const dir = mkdtempSync(path.join(tmpdir(), 'silent-'))
  const file = path.join(dir, 'status.sock')
  const command =
    'ulimit -n 100; exec "$0" --disable-warning=ExperimentalWarning --input-type=module -e "$1" "$2"'
  const child = spawn('sh', ['-c', command, process.execPath, SCRIPT, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(dir, { recursive: true })
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  return { child, dir, file, event: async () => JSON.parse(`${(await lines.next()).value}`).event as string }
}

test('a daemon out of descriptors says so, and status does not say that it is not running', async (t) => {
  const { child, dir, file, event } = await start(t)
  assert.equal(await event(), 'descriptors.exhausted')
  assert.equal(await readStatus(file), undefined)
  const fault = await silentDaemon(['/nonexistent', dir])
  assert.equal(fault.code, 'FD_EXHAUSTED')
  assert.match(fault.detail, new RegExp(`process ${child.pid} is running .* of 100 descriptors`))
  child.kill('SIGUSR2')
  assert.equal(await event(), 'descriptors.again')
  assert.deepEqual(await readStatus(file), { state: 'good' })
})

test('a daemon that is stopped is not called gone', async (t) => {
  const { child, dir, event } = await start(t)
  await event()
  child.kill('SIGUSR2')
  assert.equal(await event(), 'descriptors.again')
  child.kill('SIGSTOP')
  const fault = await silentDaemon([dir])
  assert.equal(fault.code, 'DAEMON_DOWN')
  assert.match(fault.detail, new RegExp(`process ${child.pid} listens`))
})

test('whose client does not run is told the next command: to sign in first, where nobody has', async (t) => {
  const dir = mkdtempSync(path.join(tmpdir(), 'bs-silent-'))
  t.after(() => rmSync(dir, { recursive: true }))
  const words = async () => (await silentClient(dir)).detail
  assert.match(
    await words(),
    /this device was never signed in: backstitch client login, then backstitch client run$/,
  )
  writeFileSync(path.join(dir, 'profile.json'), '{}')
  assert.equal(await words(), 'no client is running: backstitch client run')
})
