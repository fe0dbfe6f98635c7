import { type Command, Option } from 'commander'
import { partingOf } from '../../agent/link/stop-reason.ts'
import { createLog } from '../../base/log.ts'
import { partingText } from '../../policy/parting-text.ts'
import { examples, globals, parsePort, parseSeconds, workersOption } from '../globals.ts'
import { untilStopped } from '../signals.ts'
import { announce, announceJson } from '../terminal.ts'
import { whoStops } from '../who-stops.ts'
import type { ServerFacts } from './messages.ts'
import { DEFAULT_CONFIG, type ServerFlags } from './options.ts'

export function addServer(program: Command): void {
  program
    .command('server')
    .description('Run the control plane and one service edge, in separate processes, with embedded defaults')
    .addOption(
      new Option('--config <file>', 'YAML configuration').env('BACKSTITCH_CONFIG').default(DEFAULT_CONFIG),
    )
    .addOption(new Option('--state <dir>', 'state directory').env('BACKSTITCH_STATE'))
    .addOption(new Option('--listen <host:port>', 'listen address of the edge').env('BACKSTITCH_LISTEN'))
    .addOption(
      new Option('--control-port <port>', 'second port, for control connections of agents only').argParser(
        parsePort,
      ),
    )
    .addOption(
      new Option('--public-host <host>', 'name or address by which agents reach the edge').env(
        'BACKSTITCH_PUBLIC_HOST',
      ),
    )
    .addOption(
      new Option('--public-port <port>', 'port by which agents reach it, if mapped to another')
        .env('BACKSTITCH_PUBLIC_PORT')
        .argParser(parsePort),
    )
    .addOption(
      new Option('--drain <seconds>', 'how long open tunnels may continue after a stop').argParser(
        parseSeconds,
      ),
    )
    .addOption(workersOption())
    .addHelpText(
      'after',
      examples(
        ['backstitch server --public-host edge.example.com', 'state in /var/lib/backstitch/server, port 443'],
        ['backstitch server --state ./state --listen 127.0.0.1:8443', 'try it without root'],
      ),
    )
    .action(runServer)
}

async function runServer(flags: ServerFlags, command: Command): Promise<void> {
  using stop = untilStopped({ whoStops })
  const { serverOptions } = await import('./options.ts')
  const { Supervisor } = await import('./supervisor.ts')
  const options = await serverOptions(flags)
  const log = createLog('server')
  for (const doubt of options.publicCertificate?.doubts ?? []) {
    log.warn({ event: 'public-certificate.doubtful' }, doubt)
  }
  const started = await Supervisor.start(options, log, stop.signal).catch((thrown: unknown) => {
    if (!stop.signal.aborted) throw thrown
  })
  if (started === undefined) return
  const { facts } = started
  await using server = started.server
  const { edge, version } = facts
  if (globals(command).json) announceJson(facts)
  else announce(startText(facts))
  log.info({ event: 'server.listening', edge, version }, `Server ${version} is listening at ${edge}`)
  await new Promise<void>((resolve) => {
    if (stop.signal.aborted) resolve()
    else stop.signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const { drainSeconds } = options
  const parting = partingOf(stop.signal.reason)
  log.info({ event: 'server.stopping', drainSeconds, parting }, `Server is stopping: ${partingText(parting)}`)
  server.leaves(parting)
  await server.drain()
}

function startText(facts: ServerFacts): string {
  const { token, ...shown } = facts
  const lines = Object.entries(shown).map(([name, value]) => `  ${name.padEnd(12)} ${value}`)
  if (token !== undefined) {
    // What is not a terminal is a journal, and keeps it.
    if (process.stdout.isTTY) {
      lines.push('', `  admin token  ${token}`, '  Shown only once.')
    }
    lines.push('', '  The admin token is next to the context file, mode 0600.')
  }
  return `Backstitch server\n${lines.join('\n')}\n`
}
