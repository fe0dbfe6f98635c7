import { Fault } from '../base/faults.ts'
import type { Profile } from './profile.ts'

export interface LoginOptions {
  readonly stateDir: string
  readonly edge: { readonly host: string; readonly port: number }
  /** SHA-256 of the tenant root certificate: printed by the server; kept in the profile after the first sign-in. */
  readonly pin?: Buffer
  readonly user: string
  readonly password: string
  readonly proxy?: string
  readonly proxyFile?: string
  readonly env?: NodeJS.ProcessEnv
  readonly signal: AbortSignal
}

/** Signs in: makes the device key here, sends its CSR, keeps the certificate that comes back. */
export async function login(options: LoginOptions): Promise<Profile> {
  throw new Fault('INTERNAL', `not written yet: ${options.user}`)
}
