/**
 * The bundle that packages ship, made here into an empty folder: it needs nothing of the checkout, and runs for a user who
 * can write nowhere.
 */
import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { serveTcp } from './client-traffic.ts'
import { Installation } from './installation.ts'
import { type Finished, finish, succeed } from './program.ts'

const ROOT = path.join(import.meta.dirname, '..')
const NOBODY = process.getuid?.() === 0 ? 65_534 : undefined
const folder = mkdtempSync(path.join(os.tmpdir(), 'bundle-'))
const program = path.join(folder, 'program', 'bin', 'backstitch')

before(async () => {
  await succeed(['chmod', '755', folder])
  await succeed([
    path.join(ROOT, 'bin', 'node'),
    path.join(ROOT, 'scripts', 'bundle.ts'),
    path.join(folder, 'program'),
  ])
})
after(() => rmSync(folder, { recursive: true }))

/** As a user without a home, and with nothing of this process but PATH. */
function asNobody(...args: string[]): Promise<Finished> {
  const nothing = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]))
  const env = {
    ...nothing,
    PATH: process.env.PATH,
    HOME: path.join(folder, 'nowhere'),
    XDG_CACHE_HOME: '/proc/nowhere',
  }
  return finish([program, ...args], { env, cwd: '/', uid: NOBODY, gid: NOBODY })
}

for (const [args, said] of [
  ['--version', /^\d+\.\d+\.\d+\n$/],
  ['--help', /Roles:\n {2}server/],
  ['connector --help', /--key-file/],
  ['completion bash', /^_backstitch\(\) \{/],
  ['lab list', /^SCN-01 {2}/],
] as const) {
  test(`backstitch ${args}, of the bundle`, async () => {
    const { code, stdout, stderr } = await asNobody(...args.split(' '))
    assert.equal(code, 0, stderr)
    assert.match(stdout, said)
    assert.equal(stderr, '')
  })
}

test('doctor of the bundle looks around', async () => {
  const { code, stdout, stderr } = await asNobody('--json', 'doctor', 'client', '--state', '/proc/nowhere')
  assert.ok(code !== 0 && stderr === '', stderr)
  assert.equal(JSON.parse(stdout).outcome, 'fault')
})

test('a server, a connector and a client of the bundle carry a session of `client connect`, with a client that runs and without', async () => {
  await using app = await serveTcp((socket) => void socket.pipe(socket))
  const reach = { cidrs: ['127.0.0.1/32'], tcp: [`${app.port}`] }
  await using all = await Installation.start({ dir: mkdtempSync(path.join(folder, 'all-')), program, reach })
  const connector = all.startConnector(await all.addConnector())
  await all.passed(connector, 6)
  await all.signIn({ listen: 'off', forwards: [`127.0.0.1:0 127.0.0.1:${app.port}`] })
  const connect = [program, ...all.clientFlags, 'connect', '127.0.0.1', `${app.port}`] as const
  assert.equal(await succeed(connect, { input: 'alone' }), 'alone')
  await all.startClient()
  const state = all.stateOf('client')
  const env = { BACKSTITCH_CLIENT_CONFIG: undefined, XDG_CONFIG_HOME: '/nonexistent' }
  const quick = [program, 'client', '--state', state, 'connect', '127.0.0.1', `${app.port}`] as const
  assert.equal(await succeed(quick, { input: 'through it', env }), 'through it')
})

test('no other module looks beside itself: in a bundle it would look elsewhere', () => {
  const files = globSync(['src/**/*.ts', 'lab/**/*.ts'], { cwd: ROOT })
  const look = files.filter(
    (file) =>
      !/\.(test|fixture)\.ts$/.test(file) &&
      readFileSync(path.join(ROOT, file), 'utf8').includes('import.meta.'),
  )
  assert.deepEqual(look, ['src/base/program-files.ts'])
})
