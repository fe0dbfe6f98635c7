import { open, stat } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Argument, type Command } from 'commander'
import { Fault } from '../base/faults.ts'
import { userName } from '../base/own-user.ts'
import { type Redaction, redact } from '../base/redact.ts'
import { examples, globals } from './globals.ts'
import { untilStopped } from './signals.ts'
import type { BundleRole, Material } from './support-material.ts'
import { print, printJson, say } from './terminal.ts'

interface BundleFlags {
  readonly config?: string
  readonly state?: string
  readonly log?: string
  readonly out?: string
  readonly hideNames?: boolean
}

const ROLES: readonly BundleRole[] = ['connector', 'client', 'edge', 'server']

/** A file that others are given: what was taken out of it is said beside it. */
interface Cleaned extends Material {
  readonly removed: readonly Redaction[]
}

export function addSupportBundle(program: Command): void {
  program
    .command('support-bundle')
    .description('Doctor report, status, configuration and log of this machine in one file, without secrets')
    .addArgument(new Argument('[role]', 'role (default: what runs here)').choices(ROLES))
    .option('--config <file>', 'YAML configuration of the role')
    .option('--state <dir>', 'state directory')
    .option('--log <file>', 'its log, if not in the journal')
    .option('--out <file>', 'output file (default: backstitch-support-HOST-TIME.tar.gz here)')
    .option('--hide-names', 'remove names of people as well')
    .addHelpText(
      'after',
      examples(
        ['sudo backstitch support-bundle', 'of what runs here, with the journal'],
        ['backstitch support-bundle client --hide-names', "of this user's client"],
        [
          'backstitch support-bundle connector --state ./state --log ./log --out b.tar.gz',
          'with all paths given',
        ],
      ),
    )
    .addHelpText(
      'after',
      '\nWorks without a network. REDACTIONS.txt in it lists what was removed, and where.',
    )
    .action(makeBundle)
}

async function makeBundle(role: BundleRole | undefined, flags: BundleFlags, command: Command): Promise<void> {
  using stop = untilStopped()
  const { gatherMaterial } = await import('./support-material.ts')
  const { createTar } = await import('nanotar')
  const place = await placeOf(role, flags)
  const files = await gatherMaterial({ ...place, log: flags.log, signal: stop.signal })
  stop.signal.throwIfAborted()
  const names = flags.hideNames ? namesIn(files) : []
  const cleaned = files.map(({ name, text }): Cleaned => ({ name, ...redact(text, { names }) }))
  const report = { name: 'REDACTIONS.txt', text: redactionsText(cleaned) }
  const folder = `backstitch-support-${os.hostname()}-${new Date().toISOString().replaceAll(/[:.]/g, '')}`
  const tar = createTar(
    [report, ...cleaned].map(({ name, text }) => ({ name: `backstitch-support/${name}`, data: text })),
    { attrs: { mode: '600', uid: 0, gid: 0 } },
  )
  const file = path.resolve(flags.out ?? `${folder}.tar.gz`)
  await write(file, await promisify(gzip)(tar))
  const removed = cleaned.flatMap((one) => one.removed.map((what) => ({ file: one.name, ...what })))
  if (globals(command).json) return printJson({ file, files: cleaned.map(({ name }) => name), removed })
  print(file)
  say(`${removed.length} secrets were removed: see REDACTIONS.txt in it. Check it before you share it.`)
}

/** Where the files of the role lie. */
async function placeOf(wanted: BundleRole | undefined, { state, config }: BundleFlags) {
  const { findPlaces } = await import('./doctor-patient.ts')
  const { readConnectorConfig } = await import('../connector/options.ts')
  const { clientDirs } = await import('../client/dirs.ts')
  const { readClientConfig } = await import('../client/options.ts')
  const doctorFlags = config === undefined ? [] : ['--config', config]
  const found = wanted ?? (state === undefined ? await serverOrEdge() : undefined)
  if (found === 'server' || found === 'edge') {
    const stateDir = path.resolve(state ?? `/var/lib/backstitch/${found}`)
    const files = { config: config ?? `/etc/backstitch/${found}.yaml`, proxyFile: '/etc/backstitch/proxy' }
    return { role: found, stateDir, ...files, doctorFlags: [...doctorFlags, '--state', stateDir] }
  }
  const { role, stateDir } = await findPlaces(found, { state, config })
  const usual = (role === 'client' ? clientDirs().configFile : undefined) ?? `/etc/backstitch/${role}.yaml`
  // A configuration that is broken is what the bundle is to show.
  const read = role === 'client' ? readClientConfig(config) : readConnectorConfig(config)
  const proxyFile = await read.then(
    (settings) => settings.proxyFile,
    () => '/etc/backstitch/proxy',
  )
  return {
    ...{ role: role as BundleRole, stateDir, config: config ?? usual, proxyFile },
    doctorFlags: [...doctorFlags, '--state', stateDir],
  }
}

/** A machine of the installation itself, where nothing of a connector or client need be. */
async function serverOrEdge(): Promise<BundleRole | undefined> {
  for (const role of ['server', 'edge'] as const) {
    if (await stat(`/var/lib/backstitch/${role}`).catch(() => undefined)) return role
  }
  return undefined
}

/** Whoever works here, and whoever the daemon names as its user. */
function namesIn(files: readonly Material[]): string[] {
  const own = [userName(), process.env.SUDO_USER ?? ''].filter((name) => name !== 'root')
  const told = files.flatMap(({ text }) =>
    [...text.matchAll(/"(?:user|userName|login)"\s*:\s*"([^"\n]{1,128})"/g)].map(([, name]) => name!),
  )
  const homes = files.flatMap(({ text }) =>
    [...text.matchAll(/\/home\/([\w.-]{1,64})/g)].map(([, name]) => name!),
  )
  return [...new Set([...own, ...told, ...homes])].filter((name) => name.length > 1)
}

function redactionsText(files: readonly Cleaned[]): string {
  const lines = files.flatMap(({ name, removed }) =>
    removed.map(({ kind, line }) => `${name}, line ${line}: ${kind}`),
  )
  const head = 'What was removed from this bundle. Files that hold keys were not opened.'
  return `${head}\n\n${lines.length === 0 ? 'Nothing: no secret was found.' : lines.join('\n')}\n`
}

/** Never over a file that is there, and readable by its owner only. */
async function write(file: string, content: Uint8Array): Promise<void> {
  try {
    await using out = await open(file, 'wx', 0o600)
    await out.writeFile(content)
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new Fault('INVALID', `the bundle cannot be written to ${file}: ${errno}`, {
      ...{ cause, hop: 'client', seen: { file, errno } },
    })
  }
}
