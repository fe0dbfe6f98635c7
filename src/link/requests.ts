import { Fault } from '../base/faults.ts'
import type { CertificateReply, EnrolRequest, LoginRequest } from '../wire/control.ts'
import type { EdgeAddress } from './credentials.ts'
import type { Egress } from './egress.ts'

export interface RequestOptions {
  readonly egress: Egress
  readonly signal: AbortSignal
  readonly timeoutMs?: number
}

/** The reply, and how far this machine's clock is from the server's: positive when this one is slow. */
export type CertificateAnswer = CertificateReply & { readonly skewMs: number }

export async function postEnrol(
  _edge: EdgeAddress,
  _pin: Buffer,
  _body: EnrolRequest,
  _o: RequestOptions,
): Promise<CertificateAnswer> {
  throw new Fault('INTERNAL', 'not built')
}

export async function postLogin(
  _edge: EdgeAddress,
  _pin: Buffer,
  _body: LoginRequest,
  _o: RequestOptions,
): Promise<CertificateAnswer> {
  throw new Fault('INTERNAL', 'not built')
}
