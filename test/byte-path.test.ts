import assert from 'node:assert/strict'
import { chmodSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from './client-site.ts'
import { backstitch, choosePorts, demoFolder, RunningDemo, readExactly, socks5 } from './demo.fixture.ts'

const ROOT = path.dirname(import.meta.dirname)

/** Files of which at least one function was called, by the coverage that V8 wrote when the processes ended. */
function filesRun(folder: string): Set<string> {
  const run = new Set<string>()
  for (const file of globSync('*.json', { cwd: folder })) {
    const { result } = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as {
      result: { url: string; functions: { ranges: { count: number }[] }[] }[]
    }
    for (const { url, functions } of result) {
      // The first is the module itself: loading a file is not running it, unless it only declares.
      const own = functions.length > 1 ? functions.slice(1) : functions
      const called = own.some(({ ranges }) => ranges[0]!.count > 0)
      if (called && url.startsWith('file:')) run.add(path.relative(ROOT, fileURLToPath(url)))
    }
  }
  return run
}

test('one byte and one change of policy go the ways that docs/byte-path.md tells', async () => {
  const named = new Set(
    readFileSync(path.join(ROOT, 'docs/byte-path.md'), 'utf8').match(/\bsrc\/[\w/.-]+\.ts\b/g),
  )
  assert.ok(named.size > 40)

  using folder = demoFolder()
  const coverage = path.join(folder.path, 'coverage')
  mkdirSync(coverage)
  chmodSync(coverage, 0o777) // the connector runs as another user
  const env = { NODE_V8_COVERAGE: coverage }
  const { proxyPort } = await choosePorts(folder.path)
  await using demo = await RunningDemo.start(folder.path, ['--no-namespace'], env)
  const [, host = '', port] = /connect (\S+) (\d+)/.exec(demo.text) ?? []

  const socket = await socks5(proxyPort, host, Number(port))
  socket.write('1')
  assert.equal((await readExactly(socket, 1)).toString(), '1')

  const access = path.join(folder.path, '.backstitch/access.yaml')
  writeFileSync(access, readFileSync(access, 'utf8').replace('action: allow', 'action: deny'))
  socket.on('error', () => {}) // cut with a reset
  const cut = new Promise((resolve) => socket.once('close', resolve))
  await backstitch(folder.path, ['apply', '-f', '.backstitch/access.yaml'], env)
  await cut
  await assert.rejects(socks5(proxyPort, host, Number(port)), /SOCKS5 reply 2/, 'asked again, and refused')
  // Both ends report when they get to it; the one that was told why makes the record say so.
  const sessions = ['get', 'sessions', '--limit', '5', '--json']
  await until(async () => (await backstitch(folder.path, sessions)).includes('"GRANT_REVOKED"'))

  await demo.interrupt()
  const run = filesRun(coverage)
  assert.deepEqual(
    [...named].filter((file) => !run.has(file)),
    [],
  )
})
