import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'

const ROOT = path.dirname(import.meta.dirname)
const NOBODY = 65_534

/** A checkout into which nothing was installed yet, outside the one that runs. */
async function checkout(t: TestContext): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-setup-'))
  t.after(() => rm(dir, { recursive: true, force: true }))
  for (const name of ['bin', 'scripts', 'package.json', 'package-lock.json', '.npmrc'])
    await cp(path.join(ROOT, name), path.join(dir, name), { recursive: true })
  return dir
}

/** Runs the set-up; what it says so far goes to `isEnough`, after which it is stopped. */
async function setUp(
  dir: string,
  env: NodeJS.ProcessEnv,
  { uid, isEnough = () => false }: { uid?: number; isEnough?: (said: string) => boolean } = {},
) {
  const child = spawn('node', [path.join(dir, 'scripts/setup.mjs')], {
    env: { ...process.env, npm_execpath: '', ...env },
    detached: true, // with npm, which it started
    ...(uid !== undefined && { uid, gid: uid }),
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text
    if (isEnough(said)) process.kill(-child.pid!, 'SIGKILL')
  })
  const [code] = await once(child, 'close')
  return { code, said }
}

test('without a way to the registry the first command says so within seconds, and which host it is', async (t) => {
  const registry = 'http://127.0.0.1:1/'
  const env = { npm_config_registry: registry, npm_config_proxy: '', npm_config_cache: await checkout(t) }
  const { said } = await setUp(await checkout(t), env, {
    isEnough: (text) => text.includes('cannot be reached'),
  })
  assert.match(said, /the npm registry 127\.0\.0\.1 cannot be reached: ECONNREFUSED; npm goes on trying/)
})

test('who may not write into the checkout is told whose it is, and who has to run it first', async (t) => {
  const dir = await checkout(t)
  const isRoot = process.getuid?.() === 0
  await chmod(dir, isRoot ? 0o755 : 0o555)
  const { code, said } = await setUp(dir, {}, { ...(isRoot && { uid: NOBODY }) })
  await chmod(dir, 0o755)
  assert.equal(code, 1)
  assert.match(
    said,
    /^backstitch: set-up failed: .* you may not write there: it belongs to uid \d+\n {2}Whoever may runs this once: \S+\/bin\/backstitch --version\n$/,
  )
})
