import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { PackageFiles } from '../probe/package.ts'
import type { EdgeHost } from './host-look.ts'

/** Whose connection to the world is looked at. */
export type PatientRole = 'connector' | 'client' | 'edge' | 'server'

/** What is known before anything is looked at. */
export interface Patient {
  readonly role: PatientRole
  readonly stateDir: string
  /** Connector only. */
  readonly keyFile?: string
  /** The group that it is set up for, where its configuration says so. */
  readonly group?: string
  readonly proxyFile: string
  /** Where it connects to, and who says so: the flag, the configuration, the identity, the key. */
  readonly edge?: EdgeAddress & { readonly source: string }
  /** SHA-256 of the tenant root, 32 bytes. */
  readonly pin?: Buffer
  readonly app?: AppTarget
  /** That somebody wants to install. */
  readonly package?: PackageFiles
  /** Edge and server only. */
  readonly host?: EdgeHost
}

export interface AppTarget {
  readonly host: string
  readonly port: number
  /** TCP, unless it says so. */
  readonly protocol?: 'udp'
  /** Where its address is expected, CIDRs; nothing is expected when empty. */
  readonly networks: readonly string[]
  /** Ports of its segment, from and to, where they are known. */
  readonly ports?: readonly (readonly [number, number])[]
}
