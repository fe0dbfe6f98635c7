/**
 * What a support bundle is made of. Nothing is opened that holds a key, not even to take it out again: of the state
 * directory there is a listing.
 *
 * @module
 */
import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { lstat, open, readdir, readFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { rfc3339 } from '../base/clock.ts'
import { readStatus } from '../base/status-socket.ts'
import { readTail } from '../base/tail.ts'
import { VERSION } from '../base/version.ts'
import { visibleLine, visibleText } from '../base/visible-text.ts'
import { runProgram } from '../probe/run-program.ts'

export type BundleRole = 'connector' | 'client' | 'edge' | 'server'

export interface MaterialOptions {
  readonly role: BundleRole
  readonly stateDir: string
  readonly config: string
  readonly proxyFile: string
  /** In place of the journal. */
  readonly log?: string
  /** Flags that the doctor is run with. */
  readonly doctorFlags: readonly string[]
  readonly signal: AbortSignal
}

/** One file of the bundle, before anything is taken out. */
export interface Material {
  readonly name: string
  readonly text: string
}

const LOG_LINES = 5000
const MAX_LOG_BYTES = 4_000_000
const DOCTOR_MS = 30_000
const JOURNAL_MS = 10_000
/** Of a damaged or huge configuration the beginning says enough. */
const MAX_FILE_BYTES = 256 * 1024

/** Everything at once; what cannot be had says why. */
export async function gatherMaterial(o: MaterialOptions): Promise<Material[]> {
  const [about, state, config, proxy, outages, log, status, doctor] = await Promise.all([
    aboutText(o),
    listing(o.stateDir),
    fileText(o.config),
    fileText(o.proxyFile),
    // The service's own: a link there may lead to what only root can read.
    fileText(path.join(o.stateDir, 'outages.json'), constants.O_NOFOLLOW),
    logText(o),
    statusTexts(o.stateDir),
    doctorText(o),
  ])
  const material = [
    { name: 'about.json', text: about },
    { name: 'doctor.json', text: doctor },
    ...status,
    { name: 'outages.json', text: outages },
    { name: `config/${path.basename(o.config)}`, text: config },
    { name: 'config/proxy', text: proxy },
    { name: 'state-directory.txt', text: state },
    { name: 'log.txt', text: log },
  ]
  // Names, words and lines of strangers; whoever opens the bundle reads them in a terminal.
  return material.map(({ name, text }) => ({ name: visibleLine(name), text: visibleText(text) }))
}

async function aboutText({ role, stateDir, config }: MaterialOptions): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return json({
    made: rfc3339(Date.now()),
    backstitch: VERSION,
    node: process.version,
    openssl: process.versions.openssl,
    system: /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? os.type(),
    kernel: `${os.release()} ${os.arch()}`,
    uptimeSeconds: Math.round(os.uptime()),
    processors: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    ...{ role, stateDir, config },
    user: process.getuid?.(),
  })
}

/** Names, modes, owners and sizes: what explains a file that cannot be read. */
async function listing(folder: string): Promise<string> {
  try {
    const names = (await readdir(folder)).sort()
    const lines = await Promise.all(['.', ...names].map((name) => entry(folder, name)))
    return `${folder}\n${lines.join('\n')}\n`
  } catch (error) {
    return `${folder}: ${errnoOf(error)}\n`
  }
}

async function entry(folder: string, name: string): Promise<string> {
  try {
    const { mode, uid, gid, size, mtimeMs } = await lstat(path.join(folder, name))
    return `${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid}:${gid} ${String(size).padStart(9)} ${rfc3339(Math.round(mtimeMs))} ${visibleLine(name)}`
  } catch (error) {
    return `${errnoOf(error)} ${visibleLine(name)}`
  }
}

async function fileText(file: string, how = 0): Promise<string> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK | how)
    if (!(await handle.stat()).isFile()) return `${file}: no file\n`
    const bytes = await buffer(handle.createReadStream({ end: MAX_FILE_BYTES }))
    if (bytes.length <= MAX_FILE_BYTES) return bytes.toString('utf8')
    return `${bytes.toString('utf8', 0, MAX_FILE_BYTES)}\n[cut]\n`
  } catch (error) {
    return `${file}: ${errnoOf(error)}\n`
  }
}

/** The file that somebody named, else the journal of the service; the end of it. */
async function logText({ role, log, signal }: MaterialOptions): Promise<string> {
  if (log !== undefined) {
    try {
      return lastOf((await readTail(log, MAX_LOG_BYTES)).text)
    } catch (error) {
      return `${log}: ${errnoOf(error)}\n`
    }
  }
  const unit = `backstitch-${role}`
  const flags = ['-u', unit, '-n', String(LOG_LINES), '--no-pager', '-o', 'short-iso']
  const shown = await runProgram('journalctl', flags, {
    ...{ signal, timeoutMs: JOURNAL_MS, keepBytes: MAX_LOG_BYTES },
  })
  if (shown === undefined) return 'there is no journal here: pass the log with --log FILE\n'
  return shown.status === 0 ? lastOf(shown.stdout) : `journalctl ${unit}: ${shown.stderr}\n`
}

function lastOf(text: string): string {
  const lines = text.replace(/\n$/, '').split('\n')
  return `${lines.slice(-LOG_LINES).join('\n')}\n`
}

async function statusTexts(stateDir: string): Promise<Material[]> {
  const socket = path.join(stateDir, 'status.sock')
  const status = (await readStatus(socket)) as { metrics?: string } | undefined
  if (status === undefined) return [{ name: 'status.json', text: `nothing answers at ${socket}\n` }]
  const { metrics, ...document } = status
  const shown = { name: 'status.json', text: json(document) }
  return metrics === undefined ? [shown] : [shown, { name: 'metrics.txt', text: metrics }]
}

/** In a process of its own: it becomes the service user, and cannot come back. */
async function doctorText({ role, doctorFlags, signal }: MaterialOptions): Promise<string> {
  const program = [...process.execArgv, process.argv[1]!, '--json', 'doctor', role, ...doctorFlags]
  const run = promisify(execFile)(process.execPath, program, {
    signal,
    timeout: DOCTOR_MS,
    maxBuffer: MAX_LOG_BYTES,
  })
  // It ends with 1 when it found a fault: that is the answer.
  const { stdout, stderr } = await run.catch(
    (error: { stdout?: string; stderr?: string; message: string }) => ({
      stdout: error.stdout ?? '',
      stderr: error.stderr === undefined || error.stderr === '' ? error.message : error.stderr,
    }),
  )
  return stdout === '' ? stderr : stdout
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
