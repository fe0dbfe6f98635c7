/**
 * Settings of the client: `client.yaml`, flags and environment, in that order of weakness, and where its files lie.
 *
 * @module
 */
import { z } from 'zod'
import type { Examine } from '../agent/examination/self-examination.ts'
import type { Clock } from '../base/clock.ts'
import { readConfigOr } from '../base/config.ts'
import { Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import { userName } from '../base/own-user.ts'
import { type WorkersSetting, workersSetting } from '../base/worker-count.ts'
import { UserNames } from '../probe/user-names.ts'
import { reportedPosture } from '../wire/posture.ts'
import { type ForwardSpec, parseForward } from './address/forward-spec.ts'
import { type ListenAddress, parsePlace } from './address/listen-address.ts'
import { clientDirs } from './dirs.ts'
import type { LocalUsersOptions } from './entry/local-users.ts'

const text = z.string().min(1).max(512)

/** `$XDG_CONFIG_HOME/backstitch/client.yaml`. Every key has a default: an absent file is a whole configuration. */
export const clientConfig = z.strictObject({
  /** Profile, device key, sockets. Default: `$XDG_STATE_HOME/backstitch/client`. */
  stateDir: z.string().min(1).max(4096).optional(),
  /**
   * Where the local SOCKS5 and HTTP proxy listens: HOST:PORT, where port 0 picks a free one; `unix:PATH`; `off` for
   * none. It listens at `proxy.sock` in the state directory, whatever is said here.
   */
  listen: text.default('127.0.0.1:9180'),
  /** The address may be one that other machines reach. Without this only loopback is accepted. */
  listenBeyondLoopback: z.boolean().default(false),
  /** Users of this machine, by name or number, who may go through this client as the person who signed in. */
  allowUsers: z
    .array(z.union([z.string().min(1).max(256), z.number().int().min(0)]))
    .max(64)
    .default([]),
  /** Every user of this machine may. */
  allowEveryone: z.boolean().default(false),
  /** Standing forwards, as on the command line: `LOCAL HOST:PORT`, with `udp/` before LOCAL for UDP. */
  forwards: z.array(text).max(256).default([]),
  /** Host patterns that /proxy.pac sends here besides those the control plane names. */
  pacHosts: z.array(z.string().min(1).max(253)).max(2000).default([]),
  /** Outbound proxy for edge traffic, HOST:PORT; before the environment and `proxyFile`. */
  proxy: text.optional(),
  /** File with one line HOST:PORT or USER:PASSWORD@HOST:PORT. */
  proxyFile: z.string().min(1).max(4096).default('/etc/backstitch/proxy'),
  /** Facts about this device that policy may ask for. */
  posture: reportedPosture.default({}),
  /** Tunnels held open to each connector in use. Two or more keep bulk away from interactive traffic. */
  tunnelsPerConnector: z.number().int().min(1).max(16).default(2),
  /**
   * Processes that carry sessions: a number, or `auto`, which is 2, and 1 on a machine with less than 1 GB. The second is
   * started when there is something to keep apart.
   */
  workers: workersSetting,
})
export type ClientConfig = z.output<typeof clientConfig>

export interface ClientOptions {
  readonly stateDir: string
  /** Absent: no local proxy but on Unix sockets. */
  readonly listen?: ListenAddress
  /** A Unix socket for the local proxy, besides the one in the state directory. */
  readonly listenFile?: string
  readonly users: LocalUsersOptions
  readonly forwards: readonly ForwardSpec[]
  readonly pacHosts: readonly string[]
  readonly proxy?: string
  readonly proxyFile: string
  readonly posture: Readonly<Record<string, string | number | boolean>>
  readonly tunnelsPerConnector: number
  readonly workers?: WorkersSetting
  /** The file that a worker runs; none: there are no workers. */
  readonly workerEntry?: string
  /** False for a one-shot client that serves no other process: no status and control sockets. */
  readonly sockets: boolean
  readonly log: Log
  /** Asked when the control connection does not come up; none: outages are recorded and not explained. */
  readonly examine?: Examine
  readonly clock?: Clock
  readonly env?: NodeJS.ProcessEnv
}

/** @throws {Fault} INVALID or BAD_DESTINATION, naming the value. */
export function clientOptions(
  values: z.input<typeof clientConfig>,
  log: Log,
  env: NodeJS.ProcessEnv = process.env,
): ClientOptions {
  const config = clientConfig.parse(values)
  const place =
    config.listen === 'off'
      ? undefined
      : parsePlace(config.listen, { beyondLoopback: config.listenBeyondLoopback })
  return {
    stateDir: config.stateDir ?? clientDirs(env).state ?? homeless(),
    ...(place !== undefined && ('file' in place ? { listenFile: place.file } : { listen: place })),
    users: { uids: config.allowUsers.map(uidOf), everyone: config.allowEveryone },
    forwards: config.forwards.map(parseForward),
    pacHosts: config.pacHosts,
    proxy: config.proxy,
    proxyFile: config.proxyFile,
    posture: config.posture,
    tunnelsPerConnector: config.tunnelsPerConnector,
    workers: config.workers,
    sockets: true,
    log,
    env,
  }
}

/** The file as read; the defaults where none is named and there is none. @throws {Fault} INVALID with file:line:column. */
export function readClientConfig(file?: string): Promise<ClientConfig> {
  return readConfigOr(file, clientDirs().configFile, { schema: clientConfig, hop: 'client' })
}

/** @throws {Fault} INVALID for a name that this machine does not know. */
function uidOf(user: string | number): number {
  const uid = typeof user === 'number' ? user : new UserNames().uidOf(user)
  if (uid !== undefined) return uid
  throw new Fault(
    'INVALID',
    `allowUsers: no user ${JSON.stringify(user)} in /etc/passwd: id -u prints a user's number`,
    {
      hop: 'client',
      seen: { user },
    },
  )
}

function homeless(): never {
  throw new Fault(
    'INVALID',
    `user ${userName()} has no home directory: choose a directory with --state, or set HOME`,
    {
      hop: 'client',
      seen: { uid: process.getuid?.() ?? -1 },
    },
  )
}
