import { Fault } from '../base/faults.ts'
import type { EdgeAddress } from './credentials.ts'

export interface Proxy {
  readonly host: string
  readonly port: number
  readonly auth?: { readonly user: string; readonly password: string }
}

/** How this machine gets out to an edge, and who said so. */
export interface Egress {
  readonly proxy?: Proxy
  /** For people: `flag --proxy`, `environment HTTPS_PROXY`, `file /etc/backstitch/proxy`, `none`. */
  readonly source: string
  readonly noProxy: readonly string[]
}

export const DIRECT: Egress = { source: 'none', noProxy: [] }

export interface EgressInput {
  flag?: string
  env?: NodeJS.ProcessEnv
  file?: string
}

export async function readEgress(_input: EgressInput): Promise<Egress> {
  throw new Fault('INTERNAL', 'not built')
}

export function egressFor(_egress: Egress, _host: string): Proxy | undefined {
  throw new Fault('INTERNAL', 'not built')
}

export function explainEgress(_egress: Egress, _edge: EdgeAddress): string {
  throw new Fault('INTERNAL', 'not built')
}
