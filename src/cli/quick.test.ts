import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectCall } from './quick.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'quick-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}

const env = { HOME: '/nowhere' }
const USUAL = '/nowhere/.local/state/backstitch/client'

for (const [line, stateDir] of [
  ['client connect db1 22', USUAL],
  ['client --state /s connect db1 22', '/s'],
  ['client connect db1 22 --state /s', undefined],
  ['client --state= connect db1 22', undefined],
  ['client --proxy p:1 connect db1 22', undefined],
  ['--json client connect db1 22', undefined],
  ['client connect db1', undefined],
  ['client connect db1 0', undefined],
  ['client connect db1 65536', undefined],
  ['client connect --help 22', undefined],
  ['client status', undefined],
] as const) {
  test(`"${line}" is ${stateDir === undefined ? 'for the tree of commands' : `a call to ${stateDir}`}`, () => {
    const call = connectCall(line.split(' '), env)
    assert.deepEqual(call, stateDir && { host: 'db1', port: 22, stateDir })
  })
}

test('settings that may name the state are read by whoever has a parser', (t) => {
  const home = folder(t)
  const of = (text: string, more: NodeJS.ProcessEnv = {}) => {
    mkdirSync(path.join(home, '.config/backstitch'), { recursive: true })
    writeFileSync(path.join(home, '.config/backstitch/client.yaml'), text)
    return connectCall(['client', 'connect', 'db1', '22'], { HOME: home, ...more })?.stateDir
  }
  assert.equal(of('listen: off\n'), path.join(home, '.local/state/backstitch/client'))
  assert.equal(of('stateDir: /s\n'), undefined)
  assert.equal(of('"state\\x44ir": /s\n'), undefined)
  assert.equal(of('stateDir: /s\n', { BACKSTITCH_CLIENT_STATE: '/other' }), '/other')
  assert.equal(of('', { BACKSTITCH_CLIENT_CONFIG: '/c.yaml' }), undefined)
})

/** What is loaded, as the program is called, from which folders of packages and src. */
async function loaded(args: readonly string[]): Promise<{ stdout: string; stderr: string; files: string[] }> {
  const hook = `import { registerHooks } from 'node:module'
    const urls = []
    registerHooks({ load(url, context, next) { if (url.startsWith('file:')) urls.push(url); return next(url, context) } })
    process.on('exit', () => console.error('LOADED ' + urls.join(' ')))`
  const flags = ['--disable-warning=ExperimentalWarning', '--import']
  const main = path.join(import.meta.dirname, 'main.ts')
  const node = [...flags, `data:text/javascript,${encodeURIComponent(hook)}`, main, ...args]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, node, (_, stdout, stderr) => {
      const files = /^LOADED (.*)$/m.exec(stderr)?.[1]?.split(' ') ?? []
      resolve({ stdout, stderr: stderr.replace(/^LOADED .*\n/m, ''), files })
    })
    child.stdin!.end('ping')
  })
}

test('the version loads a dozen files and no package', async () => {
  const { stdout, files } = await loaded(['--version'])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  assert.ok(files.length > 0 && files.length <= 16, `${files.length}`)
  assert.ok(!files.some((file) => file.includes('node_modules')))
})

test('a session through the running client loads no package; a refusal is told in words', async (t) => {
  const state = folder(t)
  const seen = {
    code: 'POLICY_DENIED',
    hop: 'control',
    detail: 'no rule allows it',
    seen: { denial: 'den_1' },
  }
  const daemon = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.once('data', (bytes) => {
      const { op, host } = JSON.parse(String(bytes).split('\n')[0]!) as { op: string; host?: string }
      if (host === 'denied') socket.end(`${JSON.stringify({ ok: false, fault: seen })}\n`)
      else if (op === 'connect') {
        socket.write(`${JSON.stringify({ ok: true, session: 'ses_1' })}\n`)
        socket.pipe(socket)
      } else socket.end(`${JSON.stringify({ ok: true, session: 'ses_1' })}\n`)
    })
  })
  daemon.listen(path.join(state, 'control.sock'))
  await once(daemon, 'listening')
  t.after(() => daemon.close())
  const echoed = await loaded(['client', '--state', state, 'connect', 'db1', '22'])
  assert.equal(echoed.stdout, 'ping', echoed.stderr)
  assert.ok(!echoed.files.some((file) => file.includes('node_modules')))
  assert.ok(echoed.files.length <= 50, `${echoed.files.length}`)
  const denied = await loaded(['client', '--state', state, 'connect', 'denied', '22'])
  assert.equal(denied.stdout, '')
  assert.match(denied.stderr, /^backstitch: denied:22: POLICY_DENIED \(control\): no rule allows it \[ask/)
  assert.match(denied.stderr, /\n {2}fix {4}.*\n {2}ask {4}an admin: backstitch describe denial den_1\n/)
})
