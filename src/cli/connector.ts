import { readFile, stat } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { DescriptorWatch } from '../base/descriptor-watch.ts'
import { Fault } from '../base/faults.ts'
import { createLog } from '../base/log.ts'
import { programFile } from '../base/program-files.ts'
import type { WorkersSetting } from '../base/worker-count.ts'
import type { ConnectorStatus } from '../connector/status.ts'
import { keepTurnsShort } from '../probe/scheduler-slice.ts'
import { examples, globals, parseEdge, parseName, parseSeconds, workersOption } from './globals.ts'
import { selfDeepCheck, selfDiagnose, selfExamine } from './self-examine.ts'
import { untilStopped } from './signals.ts'
import { print, printJson } from './terminal.ts'
import { whoStops } from './who-stops.ts'

/** What a process that carries sessions runs. */
const WORKER = programFile('src/cli/workers/connector-worker-main')

interface ConnectorFlags {
  readonly config: string
  readonly state?: string
  readonly keyFile?: string
  readonly group?: string
  readonly proxy?: string
  readonly edge?: { host: string; port: number }
  readonly drain?: number
  readonly workers?: WorkersSetting
  readonly explainEgress?: boolean
  readonly gatherMachine?: boolean
}

export function addConnector(program: Command): void {
  program
    .command('connector')
    .description(
      'Run an App Connector: dials out to an edge, serves the applications near it, listens on no port',
    )
    .addOption(
      new Option('--config <file>', 'YAML configuration')
        .env('BACKSTITCH_CONFIG')
        .default('/etc/backstitch/connector.yaml'),
    )
    .addOption(new Option('--state <dir>', 'state directory').env('BACKSTITCH_STATE'))
    .addOption(
      new Option('--key-file <file>', 'provisioning key, read only while this machine is not enrolled').env(
        'BACKSTITCH_KEY_FILE',
      ),
    )
    .addOption(
      new Option(
        '--group <group>',
        'connector group this machine belongs to: keys of other groups are refused',
      )
        .env('BACKSTITCH_GROUP')
        .argParser(parseName),
    )
    .option('--proxy <host:port>', 'outbound proxy for edge traffic; put credentials into the proxy file')
    .addOption(
      new Option('--edge <host[:port]>', 'edge to use instead of the one in the key')
        .env('BACKSTITCH_EDGE')
        .argParser(parseEdge),
    )
    .addOption(
      new Option('--drain <seconds>', 'how long open sessions may continue after a stop').argParser(
        parseSeconds,
      ),
    )
    .addOption(workersOption())
    .option('--explain-egress', 'print the effective outbound proxy and where it was set, then exit')
    .option(
      '--gather-machine',
      'as root, before the service starts: write the machine factors that the service user cannot read, then exit',
    )
    .addHelpText(
      'after',
      examples(
        ['backstitch connector', 'enrols with /etc/backstitch/provision_key, then serves'],
        ['backstitch connector --explain-egress', 'which proxy, and where the setting came from'],
        ['backstitch connector --state ./state --key-file ./key', 'try it without root'],
      ),
    )
    .action(runConnector)
}

async function runConnector(flags: ConnectorFlags, command: Command): Promise<void> {
  const { readConnectorConfig } = await import('../connector/options.ts')
  const config = await readConnectorConfig(flags.config)
  const options = {
    ...config,
    stateDir: flags.state ?? config.stateDir,
    keyFile: flags.keyFile ?? config.keyFile,
    group: flags.group ?? config.group,
    proxy: flags.proxy ?? config.proxy,
    edge: flags.edge ?? config.edge,
    drainSeconds: flags.drain ?? config.drainSeconds,
    workers: flags.workers ?? config.workers,
    workerEntry: WORKER,
  }
  if (options.proxy?.includes('@')) {
    throw new Fault('INVALID', 'a proxy password must not be given on the command line: use the proxy file', {
      hop: 'connector',
    })
  }
  if (flags.explainEgress) return explain(options, command)
  if (flags.gatherMachine) return gather(options, command)
  using stop = untilStopped({ whoStops })
  using _turns = await keepTurnsShort()
  const { Connector } = await import('../connector/connector.ts')
  const { keyFile, proxy, edge, stateDir } = options
  const started = { config: flags.config, keyFile, proxy, edge }
  const examine = selfExamine('connector', stateDir, started)
  const diagnose = selfDiagnose('connector', stateDir, started)
  const deepCheck = selfDeepCheck(stateDir, options)
  const log = createLog('connector')
  using _watch = new DescriptorWatch(log)
  await new Connector({ ...options, examine, diagnose, deepCheck, log }).serve(stop.signal)
}

/** The edge is that of the flag, the configuration, the identity or the key: the first there is. */
async function explain(
  options: { stateDir: string; keyFile: string; edge?: { host: string; port: number } } & {
    proxy?: string
    proxyFile: string
  },
  command: Command,
): Promise<void> {
  const { egressFor, explainEgress, readEgress } = await import('../link/dial/egress.ts')
  const egress = await readEgress({ flag: options.proxy, file: options.proxyFile })
  const edge = options.edge ?? (await knownEdge(options))
  if (globals(command).json) {
    const proxy = edge === undefined ? egress.proxy : egressFor(egress, edge)
    const shown = proxy && { host: proxy.host, port: proxy.port, user: proxy.auth?.user }
    return printJson({ edge, proxy: shown ?? null, source: egress.source, noProxy: egress.noProxy })
  }
  print(explainEgress(egress, edge ?? { host: 'EDGE', port: 443 }).trimEnd())
}

/** The service user is the owner of its state directory. */
async function gather(options: { stateDir: string; gatheredFile: string }, command: Command): Promise<void> {
  const { gatherMachine } = await import('../probe/gather.ts')
  const file = options.gatheredFile
  const owner = await stat(options.stateDir).catch((cause: unknown) => {
    throw new Fault('STATE_UNWRITABLE', `${options.stateDir}: its owner cannot be determined`, { cause })
  })
  const gathered = await gatherMachine({ file, owner }).catch((cause: NodeJS.ErrnoException) => {
    throw new Fault('STATE_UNWRITABLE', `${file}: ${cause.code}`, { cause, seen: { file } })
  })
  if (globals(command).json) return printJson({ file, ...gathered })
  const missing = Object.entries(gathered.missing).map(([name, why]) => `\n${name} not found: ${why}`)
  print(`${gathered.found.join(', ')} written to ${file}${missing.join('')}`)
}

/** Where the daemon that runs goes, else where the key leads. */
async function knownEdge(options: { stateDir: string; keyFile: string }) {
  const { readStatus } = await import('../base/status-socket.ts')
  const status = (await readStatus(`${options.stateDir}/status.sock`)) as ConnectorStatus | undefined
  if (status?.edge !== undefined) return status.edge
  try {
    const { parseProvisioningKey } = await import('../pki/provisioning-key.ts')
    const { edgeHost: host, edgePort: port } = parseProvisioningKey(await readFile(options.keyFile, 'utf8'))
    return { host, port }
  } catch {
    return undefined // no key, or one that the connector itself will name the fault of
  }
}
