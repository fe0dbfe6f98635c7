/**
 * Settings of the client: `client.yaml`, flags and environment, in that order of weakness, and where its files lie.
 *
 * @module
 */
import { homedir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import { readConfig } from '../base/config.ts'
import type { Log } from '../base/log.ts'
import type { Examine } from '../link/self-examination.ts'
import { type ForwardSpec, parseForward } from './forward-spec.ts'
import { parseListen } from './listen-address.ts'

const text = z.string().min(1).max(512)

/** `$XDG_CONFIG_HOME/backstitch/client.yaml`. Every key has a default: an absent file is a whole configuration. */
export const clientConfig = z.strictObject({
  /** Profile, device key, sockets. Default: `$XDG_STATE_HOME/backstitch/client`. */
  stateDir: z.string().min(1).max(4096).optional(),
  /** Where the local SOCKS5 and HTTP proxy listens, HOST:PORT; port 0 picks a free one; `off` for none. */
  listen: text.default('127.0.0.1:9180'),
  /** The address may be one that other machines reach. Without this only loopback is accepted. */
  listenBeyondLoopback: z.boolean().default(false),
  /** Standing forwards, as on the command line: `LOCAL HOST:PORT`, with `udp/` before LOCAL for UDP. */
  forwards: z.array(text).max(256).default([]),
  /** Host patterns that /proxy.pac sends here besides those the control plane names. */
  pacHosts: z.array(z.string().min(1).max(253)).max(2000).default([]),
  /** Outbound proxy for edge traffic, HOST:PORT; before the environment and `proxyFile`. */
  proxy: text.optional(),
  proxyFile: z.string().min(1).max(4096).default('/etc/backstitch/proxy'),
  /** Facts about this device that policy may ask for. */
  posture: z.record(z.string().max(64), z.union([z.string().max(256), z.number(), z.boolean()])).default({}),
  /** Tunnels held open to each connector in use. Two or more keep bulk away from interactive traffic. */
  tunnelsPerConnector: z.number().int().min(1).max(16).default(2),
})
export type ClientConfig = z.output<typeof clientConfig>

export interface ClientOptions {
  readonly stateDir: string
  /** Absent: no local proxy. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly forwards: readonly ForwardSpec[]
  readonly pacHosts: readonly string[]
  readonly proxy?: string
  readonly proxyFile: string
  readonly posture: Readonly<Record<string, string | number | boolean>>
  readonly tunnelsPerConnector: number
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
  return {
    stateDir: config.stateDir ?? clientDirs(env).state,
    listen:
      config.listen === 'off'
        ? undefined
        : parseListen(config.listen, { beyondLoopback: config.listenBeyondLoopback }),
    forwards: config.forwards.map(parseForward),
    pacHosts: config.pacHosts,
    proxy: config.proxy,
    proxyFile: config.proxyFile,
    posture: config.posture,
    tunnelsPerConnector: config.tunnelsPerConnector,
    sockets: true,
    log,
    env,
  }
}

/** The file as read; the defaults if there is none. @throws {Fault} INVALID with file:line:column. */
export async function readClientConfig(file = clientDirs().configFile): Promise<ClientConfig> {
  return (await readConfig(file, { schema: clientConfig, hop: 'client' })) ?? clientConfig.parse({})
}

/** XDG Base Directory places; a relative value in the environment is ignored, as that specification says. */
export function clientDirs(env: NodeJS.ProcessEnv = process.env): { configFile: string; state: string } {
  const home = env.HOME !== undefined && path.isAbsolute(env.HOME) ? env.HOME : homedir()
  const of = (name: string, fallback: string) => {
    const value = env[name]
    return value !== undefined && path.isAbsolute(value) ? value : path.join(home, fallback)
  }
  return {
    configFile: path.join(of('XDG_CONFIG_HOME', '.config'), 'backstitch', 'client.yaml'),
    state: path.join(of('XDG_STATE_HOME', '.local/state'), 'backstitch', 'client'),
  }
}
