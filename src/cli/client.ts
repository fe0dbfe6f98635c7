import path from 'node:path'
import { type Command, Option } from 'commander'
import { rfc3339 } from '../base/clock.ts'
import { DescriptorWatch } from '../base/descriptor-watch.ts'
import { shellWord } from '../base/fault-words.ts'
import { Fault } from '../base/faults.ts'
import { createLog } from '../base/log.ts'
import { programFile } from '../base/program-files.ts'
import { readStatus } from '../base/status-socket.ts'
import type { WorkersSetting } from '../base/worker-count.ts'
import type { ClientConfig, ClientOptions } from '../client/options.ts'
import { keepTurnsShort } from '../probe/scheduler-slice.ts'
import { clientStatusText } from './client-status.ts'
import { examples, globals, parseEdge, parsePort, workersOption } from './globals.ts'
import { readSecret } from './secret-input.ts'
import { selfExamine } from './self-examine.ts'
import { untilStopped } from './signals.ts'
import { silentClient } from './silent-daemon.ts'
import { announce, announceJson, inLine, print, printJson, say } from './terminal.ts'
import { whoStops } from './who-stops.ts'

const WORKER = programFile('src/cli/workers/client-worker-main')

interface ClientFlags {
  readonly config?: string
  readonly state?: string
  readonly proxy?: string
}

export function addClient(program: Command): void {
  const client = program
    .command('client')
    .description("The agent on a user's device: local proxy in, tunnels to connectors out")
    .addOption(
      new Option('--config <file>', 'YAML configuration (default: XDG)').env('BACKSTITCH_CLIENT_CONFIG'),
    )
    .addOption(new Option('--state <dir>', 'state directory (default: XDG)').env('BACKSTITCH_CLIENT_STATE'))
    .option('--proxy <host:port>', 'outbound proxy for edge traffic; put credentials into the proxy file')
    .addHelpText(
      'after',
      examples(
        ['backstitch client login --edge edge.example.com:443 --pin PIN --user ann', 'once a week'],
        ['backstitch client run', 'SOCKS5 and HTTP proxy on 127.0.0.1:9180'],
        ["ssh -o ProxyCommand='backstitch client connect %h %p' db1.internal", 'no proxy setting needed'],
        ['backstitch client forward 5432 db1.internal:5432', 'one local port'],
      ),
    )
  addLogin(client)
  addRun(client)
  addForward(client)
  addConnect(client)
  addClientStatus(client)
}

interface LoginFlags extends ClientFlags {
  readonly edge?: { host: string; port: number }
  readonly pin?: string
  readonly user?: string
  readonly passwordFile?: string
  readonly device?: string
}

function addLogin(client: Command): void {
  client
    .command('login')
    .description('Sign in: the device key is created here and never leaves; a certificate for it comes back')
    .addOption(
      new Option('--edge <host[:port]>', 'edge to sign in through; remembered after the first time')
        .env('BACKSTITCH_EDGE')
        .argParser(parseEdge),
    )
    .addOption(
      new Option(
        '--pin <hex>',
        'SHA-256 of the tenant root, as printed by the server; remembered after the first time',
      ).env('BACKSTITCH_PIN'),
    )
    .addOption(
      new Option('--user <name>', 'who is signing in; remembered after the first time').env(
        'BACKSTITCH_USER',
      ),
    )
    .addOption(
      new Option(
        '--password-file <file>',
        'password file, - for standard input; prompted for when absent',
      ).env('BACKSTITCH_PASSWORD_FILE'),
    )
    .option('--device <name>', 'name for this device (default: host name)')
    .addHelpText(
      'after',
      examples(
        ['backstitch client login --edge 127.0.0.1:8443 --pin PIN --user ann', 'the first time'],
        ['backstitch client login', 'from then on'],
      ),
    )
    .action(async (_flags: object, command: Command) => {
      const flags = command.optsWithGlobals<LoginFlags>()
      using stop = untilStopped()
      const { login, parsePin } = await import('../client/commands/login.ts')
      const { options, config } = await settings(flags)
      const pin = flags.pin === undefined ? undefined : parsePin(flags.pin)
      const profile = await login({
        stateDir: options.stateDir,
        edge: flags.edge,
        pin,
        user: flags.user,
        password: await readSecret('password', flags.passwordFile),
        deviceName: flags.device,
        proxy: config.proxy,
        proxyFile: config.proxyFile,
        listen: options.listen,
        onWait: ({ detail }, waitMs) =>
          say(`The server is busy (${detail}): trying again in ${Math.ceil(waitMs / 1000)} s.`),
        signal: stop.signal,
      })
      const { user, deviceId, tenant, notAfterMs, signInEndsMs, skewMs, replaced } = profile
      const until = rfc3339(notAfterMs)
      const ends = signInEndsMs === undefined ? undefined : rfc3339(signInEndsMs)
      if (globals(command).json)
        return printJson({ user, deviceId, tenant, certificateEndsAt: until, signInEndsAt: ends, skewMs })
      if (replaced !== undefined)
        say(
          `This device was signed in as ${replaced.user} (${replaced.deviceId}) and no longer is. Two people who share it should use separate system accounts, or one signs in with a separate --state DIR.`,
        )
      say(`Signed in as ${user} until ${ends ?? until}; device ${deviceId}; certificate until ${until}.`)
    })
}

interface RunFlags extends ClientFlags {
  readonly listen?: string
  readonly allowUser?: readonly string[]
  readonly allowEveryone?: boolean
  readonly workers?: WorkersSetting
}

function addRun(client: Command): void {
  client
    .command('run')
    .description('Run the client: local SOCKS5 and HTTP proxy, PAC file, permanent forwards')
    .addOption(
      new Option('--listen <host:port>', 'listen address of the local proxy, or unix:PATH, or off').env(
        'BACKSTITCH_CLIENT_LISTEN',
      ),
    )
    .option(
      '--allow-user <name|uid>',
      'another user of this machine who may use it as you; repeatable',
      (user: string, users: string[] = []) => [...users, user],
    )
    .option('--allow-everyone', 'let every user of this machine use it as you')
    .addOption(workersOption())
    .addHelpText(
      'after',
      examples(
        ['backstitch client run', 'until Ctrl-C'],
        ['curl --proxy socks5h://127.0.0.1:9180 http://wiki.internal/', 'send a request through it'],
        ['curl http://127.0.0.1:9180/proxy.pac', 'for browsers'],
        ['backstitch client run --allow-user www-data', 'that user may use it, as you'],
      ),
    )
    .action(async (_flags: object, command: Command) => {
      const flags = command.optsWithGlobals<RunFlags>()
      let client: { reload(): Promise<void>; serve(signal: AbortSignal): Promise<void> } | undefined
      using stop = untilStopped({ reload: () => void client?.reload(), whoStops })
      const { options } = await settings(flags, { ...flags, daemon: true })
      const { Client } = await import('../client/client.ts')
      const examine = selfExamine('client', options.stateDir, { config: flags.config, proxy: flags.proxy })
      using _watch = new DescriptorWatch(options.log)
      using _turns = await keepTurnsShort()
      client = new Client({ ...options, examine, workerEntry: WORKER })
      await client.serve(stop.signal)
    })
}

function addForward(client: Command): void {
  client
    .command('forward')
    .description('Forward one local port to one application, until Ctrl-C')
    .argument('<local>', 'PORT, ADDRESS:PORT or unix:PATH, with udp/ before a port for UDP')
    .argument('<destination>', 'HOST:PORT of the application')
    .addHelpText(
      'after',
      examples(
        ['backstitch client forward 5432 db1.internal:5432', 'psql -h 127.0.0.1'],
        ['backstitch client forward udp/5353 dns.internal:53', 'a UDP port'],
        [
          'backstitch client forward unix:/run/user/1000/db.sock db1.internal:5432',
          'a socket that only you can open',
        ],
      ),
    )
    .action(async (local: string, destination: string, _flags: object, command: Command) => {
      using stop = untilStopped()
      const { forwardSpec } = await import('../client/address/forward-spec.ts')
      const { runForward } = await import('../client/commands/forward.ts')
      const forward = forwardSpec(local, destination)
      const { options } = await settings(command.optsWithGlobals<ClientFlags>())
      const { saidTrouble, troubleText } = await import('../client/entry/forward-trouble.ts')
      const user = await (await import('../client/commands/signed-in.ts')).signedIn(options.stateDir)
      await runForward({
        forward,
        client: options,
        listening: (address) => {
          if (globals(command).json) announceJson({ listening: address, to: destination })
          else {
            const why = `If nothing comes through: backstitch doctor client --app ${shellWord(destination)}`
            announce(`${address} leads to ${destination}. ${why}. Ctrl-C ends it.`, 2)
          }
        },
        trouble: (trouble) => {
          const said = saidTrouble(trouble, { to: forward, nowMs: Date.now(), user })
          announce(globals(command).json ? JSON.stringify(said) : inLine(troubleText(said)), 2)
        },
        signal: stop.signal,
      })
    })
}

function addConnect(client: Command): void {
  client
    .command('connect')
    .description('Connect standard input and output to one application: for ssh -o ProxyCommand')
    .argument('<host>', 'name or address of the application')
    .argument('<port>', 'its port', parsePort)
    .addHelpText(
      'after',
      examples([
        "ssh -o ProxyCommand='backstitch client connect %h %p' db1.internal",
        'ssh without a proxy setting',
      ]),
    )
    .action(async (host: string, port: number, _flags: object, command: Command) => {
      using stop = untilStopped()
      const { runStdio } = await import('../client/commands/stdio.ts')
      const { options } = await settings(command.optsWithGlobals<ClientFlags>())
      const { stdin, stdout, stderr } = process
      process.exitCode = await runStdio({
        host,
        port,
        client: options,
        stdin,
        stdout,
        stderr,
        signal: stop.signal,
      })
    })
}

function addClientStatus(client: Command): void {
  client
    .command('status')
    .description('State of the running client: sign-in, edge, tunnels and its latest decisions')
    .addHelpText('after', examples(['backstitch client status', 'also shows why nothing was sent']))
    .action(async (_flags: object, command: Command) => {
      const { options } = await settings(command.optsWithGlobals<ClientFlags>())
      const file = path.join(options.stateDir, 'status.sock')
      const status = await readStatus(file)
      if (status === undefined) throw await silentClient(options.stateDir)
      if (globals(command).json) printJson(status)
      else print(clientStatusText(status as Parameters<typeof clientStatusText>[0]))
    })
}

/** Flag and environment, then file, then default. @throws {Fault} INVALID. */
async function settings(
  flags: ClientFlags,
  over: Omit<RunFlags, keyof ClientFlags> & { daemon?: boolean } = {},
): Promise<{ options: ClientOptions; config: ClientConfig }> {
  if (flags.proxy?.includes('@')) {
    throw new Fault('INVALID', 'a proxy password must not be given on the command line: use the proxy file', {
      hop: 'client',
    })
  }
  const { clientOptions, readClientConfig } = await import('../client/options.ts')
  const file = await readClientConfig(flags.config)
  const config = {
    ...file,
    stateDir: flags.state ?? file.stateDir,
    proxy: flags.proxy ?? file.proxy,
    listen: over.listen ?? file.listen,
    allowUsers: [...file.allowUsers, ...(over.allowUser ?? [])],
    allowEveryone: over.allowEveryone ?? file.allowEveryone,
    workers: over.workers ?? file.workers,
  }
  // A command that runs once speaks for itself; its log would be noise in the middle of an ssh.
  const level = process.env.BACKSTITCH_LOG_LEVEL ?? (over.daemon ? 'info' : 'silent')
  return { options: clientOptions(config, createLog('client', { level })), config }
}
