import path from 'node:path'
import { z } from 'zod'
import { readConfigOr } from '../../base/config.ts'
import { Fault } from '../../base/faults.ts'
import { type WorkersSetting, workersSetting } from '../../base/worker-count.ts'
import { SIGN_IN_MS } from '../../control/agents/sign-in.ts'
import { RETENTION, type Retention } from '../../control/base/retention.ts'
import { balancers } from '../../edge/edge-options.ts'
import { readHostPort } from '../globals.ts'
import { type OwnCertificate, readOwnCertificate } from './own-certificate.ts'

export const DEFAULT_CONFIG = '/etc/backstitch/server.yaml'
const HOUR_MS = 3_600_000
const days = z.number().int().min(1).max(36_500)
const filePath = z.string().min(1).max(4096)

/** /etc/backstitch/server.yaml. Every key has a default: an empty or absent file is a whole configuration. */
export const serverConfig = z.strictObject({
  /** Database, master key, certificates, context. Must survive a restart. */
  stateDir: filePath.default('/var/lib/backstitch/server'),
  /** Where the edge listens. */
  listen: z.string().min(3).max(300).default('0.0.0.0:443'),
  /** A second port, for control connections of agents only; they fall back to that of `listen`. */
  controlPort: z.number().int().min(1).max(65_535).optional(),
  balancers,
  /** Processes of the edge that carry pipes: 1 to 16, or as many as there are processors. */
  workers: workersSetting,
  /** Name or address that agents and people reach the edge by; needed where `listen` is every address. */
  publicHost: z.string().min(1).max(253).optional(),
  /** The port they reach it by, if NAT or a load balancer maps it to that of `listen`. */
  publicPort: z.number().int().min(1).max(65_535).optional(),
  /** Certificate chain and key for people and tools, PEM; made and kept by the server when absent. */
  publicCertificate: z
    .strictObject({
      /** The chain, the certificate of the key first. */
      certFile: filePath,
      /** The private key, not encrypted. */
      keyFile: filePath,
    })
    .optional(),
  /** How long what was seen is kept, in days. */
  retention: z
    .strictObject({
      /** Records of sessions. */
      sessionDays: days.default(RETENTION.sessionDays),
      /** Refusals, by the id that a user was told. */
      denialDays: days.default(RETENTION.denialDays),
      /** Audit records, until they go into files: they are never thrown away. */
      auditDays: days.default(RETENTION.auditDays),
      /** Folder of those files; `audit` in the state directory by default. */
      auditArchive: filePath.optional(),
    })
    .prefault({}),
  /** How long a sign-in on a device lasts, in hours, whatever is renewed meanwhile. */
  signInHours: z
    .number()
    .int()
    .min(1)
    .max(2160)
    .default(SIGN_IN_MS / HOUR_MS),
  /** How long open tunnels may go on after a stop was asked for, in seconds. */
  drainSeconds: z.number().int().min(0).max(3600).default(10),
})

export interface ServerFlags {
  readonly config: string
  readonly state?: string
  readonly listen?: string
  readonly controlPort?: number
  readonly publicHost?: string
  readonly publicPort?: number
  readonly drain?: number
  readonly workers?: WorkersSetting
}

/** What both parts of a server are started with. */
export interface ServerOptions {
  /** Absolute. */
  readonly stateDir: string
  readonly listen: { readonly host: string; readonly port: number }
  readonly controlPort?: number
  readonly balancers?: readonly string[]
  /** Of the edge. */
  readonly workers?: WorkersSetting
  readonly publicHost: string
  /** As of `listen` where there is none. */
  readonly publicPort?: number
  readonly drainSeconds: number
  readonly retention?: Partial<Retention>
  readonly signInMs?: number
  /** PEM, of an operator. */
  readonly publicCertificate?: OwnCertificate
}

/** @throws {Fault} INVALID with file:line:column. Without one that is named, an absent file is the defaults. */
export function readServerConfig(file?: string): Promise<z.output<typeof serverConfig>> {
  return readConfigOr(file, DEFAULT_CONFIG, { schema: serverConfig, hop: 'control' })
}

/** Flag and environment, then file, then default. @throws {Fault} INVALID. */
export async function serverOptions(flags: ServerFlags): Promise<ServerOptions> {
  const config = await readServerConfig(flags.config)
  const listen = readHostPort(flags.listen ?? config.listen, 'listen', 'control')
  const publicHost = flags.publicHost ?? config.publicHost
  const everywhere = ['0.0.0.0', '::'].includes(listen.host)
  if (everywhere && publicHost === undefined) {
    throw new Fault('INVALID', `listening on ${listen.host} requires --public-host: the name agents dial`, {
      hop: 'control',
    })
  }
  const files = config.publicCertificate
  return {
    stateDir: path.resolve(flags.state ?? config.stateDir),
    listen,
    controlPort: flags.controlPort ?? config.controlPort,
    balancers: config.balancers,
    workers: flags.workers ?? config.workers,
    publicHost: publicHost ?? listen.host,
    publicPort: flags.publicPort ?? config.publicPort,
    drainSeconds: flags.drain ?? config.drainSeconds,
    retention: config.retention,
    signInMs: config.signInHours * HOUR_MS,
    publicCertificate:
      files &&
      (await readOwnCertificate(files, { publicHost: publicHost ?? listen.host, nowMs: Date.now() })),
  }
}
