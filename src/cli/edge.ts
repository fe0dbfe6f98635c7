import { type Command, Option } from 'commander'
import { DescriptorWatch } from '../base/descriptor-watch.ts'
import { Fault } from '../base/faults.ts'
import { createLog } from '../base/log.ts'
import type { WorkersSetting } from '../base/worker-count.ts'
import { keepTurnsShort } from '../probe/scheduler-slice.ts'
import {
  examples,
  parseEdge,
  parseHostPort,
  parsePort,
  parseSeconds,
  readHostPort,
  workersOption,
} from './globals.ts'
import { untilStopped } from './signals.ts'
import { whoStops } from './who-stops.ts'
import { EDGE_WORKER } from './workers/entries.ts'

interface EdgeFlags {
  readonly config: string
  readonly state?: string
  readonly keyFile?: string
  readonly listen?: { host: string; port: number }
  readonly controlPort?: number
  readonly home?: { host: string; port: number }
  readonly proxy?: string
  readonly drain?: number
  readonly workers?: WorkersSetting
}

export function addEdge(program: Command): void {
  program
    .command('edge')
    .description('Run another service edge: joins tunnels near the agents, relays the rest to the server')
    .addOption(
      new Option('--config <file>', 'YAML configuration')
        .env('BACKSTITCH_EDGE_CONFIG')
        .default('/etc/backstitch/edge.yaml'),
    )
    .addOption(new Option('--state <dir>', 'state directory').env('BACKSTITCH_STATE'))
    .addOption(
      new Option('--key-file <file>', 'key created for this edge, read only while it is not enrolled').env(
        'BACKSTITCH_KEY_FILE',
      ),
    )
    .addOption(
      new Option('--listen <host:port>', 'listen address').env('BACKSTITCH_LISTEN').argParser(parseHostPort),
    )
    .addOption(
      new Option('--control-port <port>', 'second port, for control connections of agents only').argParser(
        parsePort,
      ),
    )
    .addOption(
      new Option('--home <host[:port]>', 'server to use instead of the one in the key').argParser(parseEdge),
    )
    .option('--proxy <host:port>', 'outbound proxy towards the server; put credentials into the proxy file')
    .addOption(
      new Option('--drain <seconds>', 'how long open tunnels may continue after a stop').argParser(
        parseSeconds,
      ),
    )
    .addOption(workersOption())
    .addHelpText(
      'after',
      examples(
        ['backstitch key create --edge fra > provision_key', 'on the server, once the edge is registered'],
        ['backstitch edge', 'enrols with /etc/backstitch/provision_key, listens on port 443'],
        ['backstitch edge --state ./edge --key-file ./key --listen 127.0.0.1:8444', 'try it without root'],
      ),
    )
    .action(runEdge)
}

async function runEdge(flags: EdgeFlags): Promise<void> {
  const { readEdgeConfig } = await import('../edge/edge-options.ts')
  const config = await readEdgeConfig(flags.config)
  const proxy = flags.proxy ?? config.proxy
  if (proxy?.includes('@')) {
    throw new Fault('INVALID', 'a proxy password must not be given on the command line: use the proxy file', {
      hop: 'edge',
    })
  }
  using stop = untilStopped({ whoStops })
  using _turns = await keepTurnsShort()
  const { EdgeDaemon } = await import('../edge/edge-daemon.ts')
  const { selfExamineEdge } = await import('./self-examine.ts')
  const log = createLog('edge')
  using _watch = new DescriptorWatch(log)
  const edge = new EdgeDaemon({
    ...config,
    examine: selfExamineEdge({ ...flags, edge: flags.listen }),
    stateDir: flags.state ?? config.stateDir,
    keyFile: flags.keyFile ?? config.keyFile,
    listen: flags.listen ?? readHostPort(config.listen, 'listen', 'edge'),
    controlPort: flags.controlPort ?? config.controlPort,
    home: flags.home ?? config.home,
    proxy,
    drainSeconds: flags.drain ?? config.drainSeconds,
    workers: { setting: flags.workers ?? config.workers, entry: EDGE_WORKER },
    log,
  })
  await edge.serve(stop.signal)
}
