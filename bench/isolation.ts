/**
 * A network, process and mount namespace for the whole run, with cubic on its routes.
 *
 * The default congestion control of the machine may be bbr, which collapses when senders and receivers fight
 * for the same few cores, and it cannot be changed for a namespace by sysctl (the kernel allows only
 * "unrestricted" algorithms there). A route attribute can, so each local route names cubic.
 * The process namespace makes clean-up certain: when its first process goes, the kernel ends all others.
 *
 * @module
 */

import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

/** Set for the inner run; holds how the namespace was made. */
const INSIDE = 'BACKSTITCH_BENCH_INSIDE'

const AS_ROOT = ['--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc']
const AS_USER = ['--user', '--map-root-user', ...AS_ROOT]

/** Whatever ends the outer run, even SIGKILL, ends the namespace with it. */
const BOUND = ['--pdeathsig', 'KILL']
/** After Ctrl-C the inner run has so long to end its processes in good order. */
const STOP_GRACE_MS = 10_000

export interface Isolation {
  readonly namespace: boolean
  /** As root, who may change to other accounts; in a user namespace there are none. */
  readonly root: boolean
  readonly congestionControl: string
  /** What could not be had, for the report. */
  readonly notes: readonly string[]
}

export function isInside(): boolean {
  return process.env[INSIDE] !== undefined
}

/** Runs this same command inside the namespaces; `undefined` where the machine allows none. */
export async function runInside(env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const flags = [AS_ROOT, AS_USER].find((candidate) => allowed(candidate))
  if (!flags) return undefined
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('setpriv', [...BOUND, 'unshare', ...flags, ...self], {
    stdio: 'inherit',
    env: { ...process.env, ...env, [INSIDE]: flags === AS_ROOT ? 'root' : 'user' },
  })
  // Ctrl-C reaches the inner run through the terminal too: it cleans up, this process waits for it.
  const end = () => child.kill('SIGKILL')
  const wait = () => setTimeout(end, STOP_GRACE_MS).unref()
  process.on('SIGINT', wait).on('SIGTERM', end).on('SIGHUP', end)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 130)))
  })
}

function allowed(flags: readonly string[]): boolean {
  try {
    execFileSync('setpriv', [...BOUND, 'unshare', ...flags, 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Call once inside: brings the loopback up and prepares routes, ports and a private /run. */
export function prepareNamespace(): Isolation {
  if (!isInside()) {
    return {
      namespace: false,
      root: process.getuid?.() === 0,
      congestionControl: machineDefault(),
      notes: [
        'No namespace of its own (neither root nor user namespaces allowed here): runs on the machine network, ' +
          `with its ${machineDefault()} congestion control, beside whatever else is running.`,
      ],
    }
  }
  run('mount', ['-t', 'tmpfs', 'tmpfs', '/run'])
  prepareLoopback()
  return { namespace: true, root: process.env[INSIDE] === 'root', congestionControl: 'cubic', notes: [] }
}

/** Lo up, cubic on its routes, and ports enough for idle and connection-rate workloads. */
function prepareLoopback(): void {
  run('ip', ['link', 'set', 'lo', 'up'])
  for (const target of ['127.0.0.0/8', '127.0.0.1']) {
    localRoute(target)
  }
  writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '16384 65535')
  writeFileSync('/proc/sys/net/ipv4/tcp_tw_reuse', '1')
}

/** Makes loopback traffic to `target` use cubic, and whatever else `attributes` of ip-route(8) say. */
export function localRoute(target: string, attributes: readonly string[] = []): void {
  const route = [
    target,
    'dev',
    'lo',
    'table',
    'local',
    'proto',
    'kernel',
    'scope',
    'host',
    'src',
    '127.0.0.1',
  ]
  run('ip', ['route', 'replace', 'local', ...route, 'congctl', 'cubic', ...attributes])
}

function machineDefault(): string {
  return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
}

/** Runs a short administrative command. @throws {Error} with what the command said. */
export function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim()
    throw new Error(`Cannot run ${command} ${args.join(' ')}: ${said || (error as Error).message}`, {
      cause: error,
    })
  }
}
