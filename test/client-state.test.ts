/** Every command that has to do with the state of a client goes by BACKSTITCH_CLIENT_STATE, and by a flag before that. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { openClientSite, PASSWORD, USER } from './client-site.ts'
import { serveEcho } from './client-traffic.ts'
import { finish } from './program.ts'

const PROGRAM = path.resolve('bin/backstitch')

/** A user signed in with one of two directories; what a home would say is a third, that nobody means. */
async function openTwo(t: TestContext) {
  const site = await openClientSite()
  t.after(() => site[Symbol.asyncDispose]())
  const dirOf = (name: string) => path.join(site.site.dir, name)
  const [mine, empty] = [dirOf('mine'), dirOf('empty')]
  for (const dir of [mine, empty, dirOf('home'), dirOf('home/.backstitch/client')]) {
    await mkdir(dir, { recursive: true, mode: 0o700 })
  }
  const passwordFile = dirOf('password')
  await writeFile(passwordFile, PASSWORD, { mode: 0o600 })
  const env = (state: string) => ({
    ...{ HOME: dirOf('home'), BACKSTITCH_CLIENT_STATE: state },
    ...{ XDG_STATE_HOME: undefined, XDG_CONFIG_HOME: undefined, HTTPS_PROXY: undefined },
    ...{ BACKSTITCH_CONFIG: undefined, BACKSTITCH_CLIENT_CONFIG: undefined, BACKSTITCH_STATE: undefined },
  })
  const run = async (state: string, ...args: string[]) => {
    // In a folder that has a directory of the usual name, too.
    const o = { env: env(state), cwd: dirOf('home'), input: 'ping' }
    const { code, stdout, stderr } = await finish([PROGRAM, ...args], o)
    return { code, text: `${stdout}${stderr}` }
  }
  const { port } = site.site.edge
  const at = ['--edge', `127.0.0.1:${port}`, '--pin', site.site.control.pin.toString('hex')]
  const login = [...at, '--user', USER, '--password-file', passwordFile]
  return { site, mine, empty, run, env, login, cwd: dirOf('home') }
}

/** Resolves when it has said this on either stream. */
function saidOf(
  { stdout, stderr }: ChildProcessByStdio<null, Readable, Readable>,
  words: RegExp,
): Promise<void> {
  return new Promise((resolve, reject) => {
    for (const stream of [stdout, stderr]) {
      let text = ''
      stream.on('data', (part: Buffer) => {
        text += part
        if (words.test(text)) resolve()
      })
      stream.on('end', () => reject(new Error(`it ended, and said: ${text}`)))
    }
  })
}

const isThere = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  )

test('login, connect, run, status, doctor and bundle: the variable, and the flag before it', async (t) => {
  const { site, mine, empty, run, env, login, cwd } = await openTwo(t)
  await site.connector('connector')
  const echo = await serveEcho()
  t.after(() => echo[Symbol.asyncDispose]())

  await t.test('login', async () => {
    const { code, text } = await run(empty, 'client', '--state', mine, 'login', ...login)
    assert.equal(code, 0, text)
    assert.deepEqual(
      [await isThere(path.join(mine, 'profile.json')), await isThere(`${empty}/profile.json`)],
      [true, false],
    )
    const other = path.join(site.site.dir, 'other')
    assert.equal((await run(other, 'client', 'login', ...login)).code, 0)
    assert.ok(await isThere(path.join(other, 'profile.json')))
  })

  await t.test('connect', async () => {
    const to = ['connect', 'localhost', String(echo.port)]
    assert.deepEqual(await run(mine, 'client', ...to), { code: 0, text: 'ping' })
    assert.match((await run(empty, 'client', ...to)).text, /REAUTH_NEEDED/)
    assert.match((await run(mine, 'client', '--state', empty, ...to)).text, /REAUTH_NEEDED/)
  })

  await t.test('without a daemon each says where it looked', async () => {
    const looked = (dir: string) => new RegExp(`looked=${dir}$`, 'm')
    assert.match((await run(empty, 'client', 'status')).text, looked(empty))
    assert.match((await run(empty, 'client', '--state', mine, 'status')).text, looked(mine))
    assert.match((await run(empty, 'status')).text, new RegExp(`looked=.*,${empty}$`, 'm'))
    assert.match((await run(empty, 'status', '--state', mine)).text, looked(mine))
  })

  await t.test('run, and both kinds of status', async () => {
    const child = spawn(PROGRAM, ['client', '--state', mine, 'run', '--listen', '127.0.0.1:0'], {
      ...{ env: { ...process.env, ...env(empty) }, cwd },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    try {
      await saidOf(
        child,
        /"msg":"Client \S+ is listening\. SOCKS programs only get an error number; backstitch client status gives the reason in words"/,
      )
      assert.match((await run(mine, 'client', 'status')).text, /^client /m)
      assert.match((await run(mine, 'status')).text, /^client /m)
      assert.match((await run(empty, 'client', '--state', mine, 'status')).text, /^client /m)
      assert.match((await run(empty, 'client', 'status')).text, /DAEMON_DOWN/)
    } finally {
      child.kill('SIGTERM')
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    }
  })

  await t.test('doctor, with its role and without, and the bundle', async () => {
    const names = (dir: string) => new RegExp(`seen +${dir}/profile.json does not exist`)
    assert.match((await run(empty, 'doctor')).text, names(empty))
    assert.match((await run(empty, 'doctor', 'client')).text, names(empty))
    assert.doesNotMatch((await run(empty, 'doctor', 'client', '--state', mine)).text, /REAUTH_NEEDED/)
    const doctorOf = async (state: string, ...flags: string[]) => {
      const out = path.join(site.site.dir, `bundle-${path.basename(state)}-${flags.length}.tgz`)
      const { code, text } = await run(state, 'support-bundle', 'client', ...flags, '--out', out)
      assert.equal(code, 0, text)
      return (await finish(['tar', '-xzOf', out])).stdout
    }
    assert.match(await doctorOf(mine, '--state', empty), /REAUTH_NEEDED/)
    assert.doesNotMatch(await doctorOf(mine), /REAUTH_NEEDED/)
  })
})
