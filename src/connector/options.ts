import { z } from 'zod'
import type { Diagnose } from '../agent/examination/diagnosis.ts'
import type { Examine } from '../agent/examination/self-examination.ts'
import { name } from '../api/fields.ts'
import { readConfigOr } from '../base/config.ts'
import type { Log } from '../base/log.ts'
import { workersSetting } from '../base/worker-count.ts'
import type { DeepCheck } from './health/deep-checks.ts'

const path = z.string().min(1).max(4096)

/** /etc/backstitch/connector.yaml. Every key has a default: an empty or absent file is a whole configuration. */
export const connectorConfig = z.strictObject({
  /** Provisioning key, read only while this machine is not enrolled. */
  keyFile: path.default('/etc/backstitch/provision_key'),
  /** Connector group that this machine is meant for: it does not enrol with a key of another one. */
  group: name.optional(),
  /** Identity, seal, status socket. Must survive a restart. */
  stateDir: path.default('/var/lib/backstitch/connector'),
  /** Machine factors that only root may read, written by a privileged step before the start. */
  gatheredFile: path.default('/run/backstitch/machine.json'),
  /** Outbound proxy for edge traffic, HOST:PORT; before environment and proxyFile. */
  proxy: z.string().min(1).max(512).optional(),
  /** File with one line HOST:PORT or USER:PASSWORD@HOST:PORT. */
  proxyFile: path.default('/etc/backstitch/proxy'),
  /** Edge to use instead of the one that the key or the control plane names. */
  edge: z
    .strictObject({
      /** Name or address. */
      host: z.string().min(1).max(253),
      /** The port of it. */
      port: z.number().int().min(1).max(65_535).default(443),
    })
    .optional(),
  /** Second port of the edge for control connections, tried first; usually told by the control plane. */
  controlPort: z.number().int().min(1).max(65_535).optional(),
  /** Processes that carry sessions: a number, or `auto` for as many as suit the machine. With 1 there is no other process. */
  workers: workersSetting,
  /** How long open sessions may go on after a stop was asked for, in seconds. */
  drainSeconds: z.number().int().min(0).max(3600).default(10),
})
export type ConnectorConfig = z.output<typeof connectorConfig>

export interface ConnectorOptions extends ConnectorConfig {
  readonly log: Log
  /** What BACKSTITCH_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY are read from; process.env by default. */
  readonly env?: NodeJS.ProcessEnv
  /** Asked when the connector cannot get up; none: outages are recorded and not explained. */
  readonly examine?: Examine
  /** Asked when the control plane wants to know what this machine sees. */
  readonly diagnose?: Diagnose
  /** Asked now and then about applications that it can connect to. */
  readonly deepCheck?: DeepCheck
  /** What a process that carries sessions runs; none: this one carries them, whatever `workers` says. */
  readonly workerEntry?: string
  /** Where the files that tell machines apart are looked for; tests give a folder of their own. */
  readonly machineRoot?: string
}

export const DEFAULT_CONFIG_FILE = '/etc/backstitch/connector.yaml'

/** The defaults of `connectorConfig` with `values` on top. */
export function connectorOptions(values: z.input<typeof connectorConfig>, log: Log): ConnectorOptions {
  return { ...connectorConfig.parse(values), log }
}

/** @throws {Fault} INVALID with file:line:column. Without one that is named, an absent file is the defaults. */
export function readConnectorConfig(file?: string): Promise<ConnectorConfig> {
  return readConfigOr(file, DEFAULT_CONFIG_FILE, { schema: connectorConfig, hop: 'connector' })
}
