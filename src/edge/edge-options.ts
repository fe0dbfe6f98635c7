import { z } from 'zod'
import type { Examine } from '../agent/examination/self-examination.ts'
import { cidr } from '../api/fields.ts'
import { readConfigOr } from '../base/config.ts'
import type { Log } from '../base/log.ts'
import { type WorkersSetting, workersSetting } from '../base/worker-count.ts'
import type { EdgeLimits } from '../link/accept/edge-limits.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'

const path = z.string().min(1).max(4096)
/** Networks of load balancers that send the PROXY protocol: it is expected from them, and from them only. */
export const balancers = z.array(cidr).max(64).default([])

/** /etc/backstitch/edge.yaml. Every key has a default: an empty or absent file is a whole configuration. */
export const edgeConfig = z.strictObject({
  /** Provisioning key created for this edge, read only while it is not enrolled. */
  keyFile: path.default('/etc/backstitch/provision_key'),
  /** Identity and status socket. Must survive a restart. */
  stateDir: path.default('/var/lib/backstitch/edge'),
  /** Where it listens; agents come to the host and port that are registered for it. */
  listen: z.string().min(3).max(300).default('0.0.0.0:443'),
  /** A second port, for control connections of agents only; they fall back to that of `listen`. */
  controlPort: z.number().int().min(1).max(65_535).optional(),
  balancers,
  /** Processes that carry pipes: 1 to 16, or as many as there are processors. */
  workers: workersSetting,
  /** Home edge to use instead of the one in the key. */
  home: z
    .strictObject({
      /** Name or address. */
      host: z.string().min(1).max(253),
      /** The port of it. */
      port: z.number().int().min(1).max(65_535).default(443),
    })
    .optional(),
  /** Outbound proxy towards the home edge, HOST:PORT; before environment and proxyFile. */
  proxy: z.string().min(1).max(512).optional(),
  /** File with one line HOST:PORT or USER:PASSWORD@HOST:PORT. */
  proxyFile: path.default('/etc/backstitch/proxy'),
  /** How long open tunnels may go on after a stop was asked for, in seconds. */
  drainSeconds: z.number().int().min(0).max(3600).default(10),
})
export type EdgeConfig = z.output<typeof edgeConfig>

export interface EdgeDaemonOptions extends Omit<EdgeConfig, 'listen' | 'home' | 'workers'> {
  readonly listen: { readonly host: string; readonly port: number }
  /** The edge next to the control plane, in place of the one that the identity or key names; or its socket. */
  readonly home?: EdgeAddress
  readonly limits?: Partial<EdgeLimits>
  /** How many, and the file that each runs; none: this process carries all. */
  readonly workers?: { readonly setting?: WorkersSetting; readonly entry: string }
  readonly log: Log
  readonly env?: NodeJS.ProcessEnv
  /** Asked when the control connection does not come up; none: outages are recorded and not explained. */
  readonly examine?: Examine
}

export const DEFAULT_EDGE_CONFIG = '/etc/backstitch/edge.yaml'

/** @throws {Fault} INVALID with file:line:column. Without one that is named, an absent file is the defaults. */
export function readEdgeConfig(file?: string): Promise<EdgeConfig> {
  return readConfigOr(file, DEFAULT_EDGE_CONFIG, { schema: edgeConfig, hop: 'edge' })
}
