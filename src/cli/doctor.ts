import { isIP } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { Argument, type Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { rfc3339 } from '../base/clock.ts'
import { asFault, Fault } from '../base/faults.ts'
import { hostPort } from '../base/host-port.ts'
import { silentLog } from '../base/log.ts'
import { readTail, Tail } from '../base/tail.ts'
import { writtenText } from '../base/written-text.ts'
import type { ExamineOptions } from '../doctor/examine.ts'
import type { AppTarget, PatientRole } from '../doctor/patient.ts'
import type { Report } from '../doctor/report.ts'
import type { PackageFiles } from '../probe/package.ts'
import type { HostRole } from './doctor-host.ts'
import { faultJson, faultText } from './fault-report.ts'
import { examples, globals, parseApp, parseEdge, portsOption } from './globals.ts'
import { untilStopped } from './signals.ts'
import { inLine, print, say } from './terminal.ts'

/** Of a log that is longer, the end. */
const MAX_LOG_BYTES = 64 * 2 ** 20

interface DoctorFlags {
  readonly config?: string
  readonly state?: string
  readonly keyFile?: string
  readonly proxy?: string
  readonly edge?: { host: string; port: number }
  readonly pin?: string
  readonly app?: { host: string; port: number; protocol?: 'udp' }
  readonly network: string[]
  readonly ports?: [number, number][]
  readonly package?: string
  readonly signature?: string
  readonly packageKey?: string
  readonly watch?: boolean
  readonly log?: string
  readonly ask?: string
}

const WATCH_MS = 10_000
/** sysexits.h: the command line cannot be understood; 2 is taken by "could not look". */
const USAGE = 64
const COULD_NOT_LOOK = 2

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('Find the hop that broke: hop and cause first, then evidence, fix and how to verify')
    .addArgument(
      new Argument('[role]', 'role to examine (default: what runs here)').choices([
        'connector',
        'client',
        'edge',
        'server',
      ]),
    )
    .option('--config <file>', 'YAML configuration of the role')
    .addOption(new Option('--state <dir>', 'state directory').env('BACKSTITCH_STATE'))
    .addOption(new Option('--key-file <file>', 'provisioning key').env('BACKSTITCH_KEY_FILE'))
    .option('--proxy <host:port>', 'outbound proxy to use instead of the configured one')
    .addOption(
      new Option('--edge <host[:port]>', 'edge to use instead of the known one').argParser(parseEdge),
    )
    .option('--pin <hex>', 'SHA-256 of the tenant root to use instead of the known one')
    .addOption(
      new Option(
        '--app <host:port>',
        'also check the path to this application; append /udp for UDP',
      ).argParser(parseApp),
    )
    .addOption(
      new Option('--network <cidr...>', 'where the address of --app is expected to be')
        .argParser(collectCidr)
        .default([], 'any address'),
    )
    .addOption(
      new Option('--ports <list>', 'ports of the segment of --app, such as 443,8000-8100').argParser(
        portsOption,
      ),
    )
    .option('--package <file>', 'check whether this package could be installed: space, signature')
    .option('--signature <file>', 'signature of --package (default: FILE.sig)')
    .option('--package-key <file>', 'public key that must have signed --package: Ed25519, PEM')
    .option('--log <file>', 'examine a log or pasted output instead of this machine; - for standard input')
    .addOption(
      new Option('--ask <connector>', 'ask a connected connector, through the API, what it sees').conflicts([
        'log',
        'watch',
      ]),
    )
    .option('--watch', 'check again every 10 s and report changes, until Ctrl-C')
    .addHelpText(
      'after',
      examples(
        ['backstitch doctor', 'the role that runs on this machine'],
        ['sudo backstitch doctor connector', 'as its service user, plus what only root can read'],
        ['sudo backstitch doctor server', 'on the machine of a server or edge: port, certificates, capacity'],
        ['backstitch doctor connector --app hr.internal:443', 'include the last mile'],
        ['journalctl -u backstitch-connector | backstitch doctor --log -', 'a log from any machine'],
        ['backstitch doctor --ask dc1-a --app hr.internal:443', "from here, on a connector's machine"],
        ['backstitch doctor --json | jq .findings[0].code', 'for programs'],
      ),
    )
    .addHelpText('after', '\nExit codes: 0 healthy, 1 fault found, 2 could not examine, 64 wrong usage')
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : new CommanderError(USAGE, error.code, error.message)
    })
    .action(runDoctor)
}

async function runDoctor(role: PatientRole | undefined, given: DoctorFlags, command: Command): Promise<void> {
  // BACKSTITCH_STATE is that of a daemon; a client has a variable of its own.
  const isOfDaemon = role === 'client' && command.getOptionValueSource('state') === 'env'
  const flags = isOfDaemon ? { ...given, state: undefined } : given
  using stop = untilStopped()
  const json = globals(command).json ?? false
  try {
    process.exitCode =
      flags.ask === undefined
        ? await consult(role, flags, stop.signal, json)
        : await askConnector(flags.ask, flags, stop.signal, command)
  } catch (error) {
    if (stop.signal.aborted) return
    const fault = asFault(error)
    say(json ? JSON.stringify(faultJson(fault)) : faultText(fault))
    process.exitCode = COULD_NOT_LOOK
  }
}

function consult(
  role: PatientRole | undefined,
  flags: DoctorFlags,
  signal: AbortSignal,
  json: boolean,
): Promise<number> {
  if (flags.log !== undefined) return readLogOf(flags.log, flags.edge?.host, json)
  if (role === 'edge' || role === 'server') {
    if (flags.package !== undefined) {
      throw new Fault('INVALID', '--package is for the machine of a connector or client', { hop: 'client' })
    }
    return consultMachine(role, flags, signal, json)
  }
  return flags.watch ? watch(role, flags, signal, json) : lookOnce(role, flags, signal, json)
}

async function consultMachine(role: HostRole, flags: DoctorFlags, signal: AbortSignal, json: boolean) {
  const { consultHost } = await import('./doctor-host.ts')
  return consultHost(role, flags, { signal, json })
}

async function askConnector(
  connector: string,
  { app, network }: DoctorFlags,
  signal: AbortSignal,
  command: Command,
): Promise<number> {
  const { askDoctor } = await import('./doctor-ask.ts')
  const json = globals(command).json ?? false
  return askDoctor(command, { connector, app, networks: network, json, signal })
}

async function readLogOf(file: string, edgeHost: string | undefined, json: boolean): Promise<number> {
  const { readLog, renderLogVerdict } = await import('../doctor/log/read-log.ts')
  const { DOCTOR_EXIT } = await import('../doctor/report.ts')
  const log = await logOf(file)
  if (log.isCut) say(`Only the last ${MAX_LOG_BYTES / 2 ** 20} MB are read; lines are counted from there.`)
  const content = writtenText(log.bytes)
  const verdict = readLog(content, { edgeHost })
  print(json ? JSON.stringify(verdict, null, 2) : renderLogVerdict(verdict))
  return DOCTOR_EXIT[verdict.is]
}

/** The end of a log, however long it is. */
async function logOf(file: string): Promise<Tail> {
  if (file !== '-') {
    return readTail(file, MAX_LOG_BYTES).catch((cause: NodeJS.ErrnoException) => {
      throw new Fault('INVALID', `the log ${file} cannot be read: ${cause.code}`, {
        cause,
        hop: 'client',
        seen: { file, errno: cause.code ?? 'unknown' },
      })
    })
  }
  const tail = new Tail(MAX_LOG_BYTES)
  for await (const part of process.stdin) tail.push(part as Buffer)
  return tail
}

async function lookOnce(
  role: PatientRole | undefined,
  flags: DoctorFlags,
  signal: AbortSignal,
  json: boolean,
): Promise<number> {
  const { renderFirst, renderRest, renderText } = await import('../doctor/render-text.ts')
  const { findingOf, DOCTOR_EXIT } = await import('../doctor/report.ts')
  const { examine } = await import('../doctor/examine.ts')
  const admitted = await patientOf(role, flags, signal)
  const colour = process.stdout.hasColors?.() ?? false
  let told = false
  const report = await examine({
    ...admitted,
    signal,
    trySession: admitted.patient.role === 'client' ? trier(admitted.patient.stateDir, flags) : undefined,
    onProgress: ({ certain, roots }) => {
      if (json || told || !certain || roots[0] === undefined) return
      told = true
      const first = {
        outcome: 'fault',
        findings: [findingOf(roots[0])],
        role: admitted.patient.role,
      } as const
      print(renderFirst(first, colour))
    },
  })
  if (json) print(JSON.stringify(report, null, 2))
  else print(told ? renderRest(report, colour) : renderText(report, colour))
  return DOCTOR_EXIT[report.outcome]
}

/** One line when the verdict changes: with the time, so that it can be laid beside other logs. */
async function watch(
  role: PatientRole | undefined,
  flags: DoctorFlags,
  signal: AbortSignal,
  json: boolean,
): Promise<number> {
  const { headline, DOCTOR_EXIT } = await import('../doctor/report.ts')
  const { examine } = await import('../doctor/examine.ts')
  let before: string | undefined
  let last: Report | undefined
  while (!signal.aborted) {
    const startedAt = performance.now()
    try {
      const admitted = await patientOf(role, flags, signal)
      last = await examine({ ...admitted, signal, trySession: trier(admitted.patient.stateDir, flags) })
      const line = headline(last)
      if (line !== before) print(json ? JSON.stringify(last) : `${rfc3339(Date.now())}  ${inLine(line)}`)
      before = line
      await wait(Math.max(0, WATCH_MS - (performance.now() - startedAt)), undefined, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }
  return last === undefined ? COULD_NOT_LOOK : DOCTOR_EXIT[last.outcome]
}

/** A session as a program on this device has it: by the client that runs, or one for this look alone. */
function trier(stateDir: string, { config, proxy }: DoctorFlags): ExamineOptions['trySession'] {
  return async ({ host, port }, signal) => {
    const { clientOptions, readClientConfig } = await import('../client/options.ts')
    const { trySession } = await import('../client/commands/try-session.ts')
    const file = await readClientConfig(config ?? process.env.BACKSTITCH_CLIENT_CONFIG)
    const client = clientOptions({ ...file, stateDir, proxy: proxy ?? file.proxy }, silentLog)
    return trySession({ host, port, client, signal })
  }
}

async function patientOf(role: PatientRole | undefined, flags: DoctorFlags, signal: AbortSignal) {
  const { admit, findPlaces } = await import('./doctor-patient.ts')
  const { parsePin } = await import('../client/commands/login.ts')
  const app: AppTarget | undefined = flags.app && {
    ...flags.app,
    networks: flags.network,
    ports: flags.ports,
  }
  const pin = flags.pin === undefined ? undefined : parsePin(flags.pin)
  const places = await findPlaces(role, flags)
  if (places.role === 'client' && app?.protocol === 'udp') {
    const detail = `a session to ${hostPort(app)} over UDP cannot be tried from a device`
    const ask = `backstitch doctor --ask CONNECTOR --app ${hostPort(app)}/udp`
    throw new Fault('INVALID', `${detail}; an admin can have a connector check it: ${ask}`, { hop: 'client' })
  }
  const admitted = await admit(places, { ...flags, app, pin }, signal)
  return { ...admitted, patient: { ...admitted.patient, package: packageOf(flags) } }
}

function packageOf({ package: file, signature, packageKey }: DoctorFlags): PackageFiles | undefined {
  if (file === undefined) return undefined
  return { file, signatureFile: signature ?? `${file}.sig`, publicKeyFile: packageKey }
}

function collectCidr(text: string, before: string[]): string[] {
  const [network, bits, ...rest] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(network!)] ?? -1
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits ?? '') || Number(bits) > most) {
    throw new InvalidArgumentError('Expected a network such as 10.20.0.0/16.')
  }
  return [...before, text]
}
