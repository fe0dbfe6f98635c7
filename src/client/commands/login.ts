import os from 'node:os'
import { EdgeCache } from '../../agent/edges/edge-cache.ts'
import { Fault } from '../../base/faults.ts'
import { hostPort } from '../../base/host-port.ts'
import { silentLog } from '../../base/log.ts'
import { StateDir } from '../../base/state-dir.ts'
import { PROGRAM } from '../../base/version.ts'
import { postLogin } from '../../link/control/requests.ts'
import type { EdgeAddress } from '../../link/dial/credentials.ts'
import { DEFAULT_PROXY_FILE, readEgress } from '../../link/dial/egress.ts'
import { createKeyAndCsr } from '../../pki/csr.ts'
import { PROTOCOL_VERSION } from '../../wire/control.ts'
import { loadProfile, type Profile, saveProfile } from '../uplink/profile.ts'
import { signInAt } from '../uplink/sign-in-way.ts'
import { callDaemon } from './control-call.ts'

export interface LoginOptions {
  readonly stateDir: string
  /** Absent: that of the profile. */
  readonly edge?: { readonly host: string; readonly port: number }
  /** SHA-256 of the tenant root certificate: printed by the server; kept in the profile after the first sign-in. */
  readonly pin?: Buffer
  /** Absent: that of the profile. */
  readonly user?: string
  readonly password: string
  /** What the device is called; the host name by default. */
  readonly deviceName?: string
  readonly proxy?: string
  readonly proxyFile?: string
  /** Where the daemon of this device is a proxy: never the way out of it. */
  readonly listen?: { readonly host: string; readonly port: number }
  readonly env?: NodeJS.ProcessEnv
  /** The server is busy and asks for another moment. */
  readonly onWait?: (fault: Fault, waitMs: number) => void
  readonly signal: AbortSignal
}

export type SignInResult = Profile & {
  /** How far this machine's clock is from the server's: positive when this one is slow. */
  readonly skewMs: number
  /** Somebody else was signed in here, and is not any more. */
  readonly replaced?: Pick<Profile, 'user' | 'deviceId'>
}

/**
 * Signs in: makes the device key here, where it stays, sends a request for it with user and password, and keeps the
 * certificate that comes back. The same user signing in again is the same device. A running daemon goes on with the
 * new certificate at once.
 *
 * @throws {Fault} LOGIN_FAILED, RATE_LIMITED…, as the server names it; INVALID if edge or pin are not known yet;
 *   what the way to the edge fails with.
 */
export async function login(options: LoginOptions): Promise<SignInResult> {
  const { password, signal } = options
  const state = await StateDir.open(options.stateDir, 'client')
  const before = await loadProfile(state)
  const edges = await edgesOf(state, options.edge, before?.edge)
  const pin = options.pin?.toString('hex') ?? before?.pin
  const user = options.user ?? before?.user
  if (user === undefined) throw missing('user', 'who is signing in')
  if (edges.length === 0) throw missing('edge', 'which edge to sign in through')
  if (pin === undefined) throw missing('pin', 'the pin of the tenant CA, as printed by the server')
  const egress = await readEgress({
    flag: options.proxy,
    env: options.env ?? process.env,
    file: options.proxyFile ?? DEFAULT_PROXY_FILE,
    own: options.listen,
  })
  const same = before !== undefined && before.user === user && before.pin === pin ? before : undefined
  const deviceName = options.deviceName ?? os.hostname()
  const { keyPem, csrPem } = same ?? (await createKeyAndCsr(deviceName))
  const device = { name: deviceName, platform: `${os.type()} ${os.release()} ${os.arch()}`, program: PROGRAM }
  const { edge, answer } = await signInAt({
    ...{ edges, signal, onWait: options.onWait },
    attempt: (at) => {
      const asked = { version: PROTOCOL_VERSION, user, password, csr: csrPem, device, timeMs: Date.now() }
      return postLogin(at, Buffer.from(pin, 'hex'), asked, { egress, signal })
    },
  })
  const { id, tenant, certificate, root, notAfterMs, signInEndsMs, generation, skewMs } = answer
  const profile: Profile = {
    version: 1,
    ...{
      edge: { host: edge.host, port: edge.port },
      pin,
      tenant,
      user,
      keyPem,
      csrPem,
      certificate,
      notAfterMs,
      signInEndsMs,
      generation,
    },
    deviceId: id,
    rootPem: root,
    receivedMs: Date.now(),
  }
  await saveProfile(state, profile)
  await callDaemon(state.path, { op: 'reload' })
  const replaced = before !== undefined && before.user !== user ? before : undefined
  return { ...profile, skewMs, replaced: replaced && { user: replaced.user, deviceId: replaced.deviceId } }
}

/**
 * Reads a pin: 64 hexadecimal digits, with or without `sha256:` before and colons between.
 *
 * @throws {Fault} INVALID.
 */
export function parsePin(text: string): Buffer {
  const hex = text
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, '')
    .replaceAll(':', '')
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new Fault('INVALID', `expected a pin of 64 hexadecimal digits: got ${hex.length} characters`, {
      hop: 'client',
    })
  }
  return Buffer.from(hex, 'hex')
}

/** The one that was named; else that of the last sign-in, then those that the daemon has learnt of since, near ones first. */
async function edgesOf(state: StateDir, named: EdgeAddress | undefined, last: EdgeAddress | undefined) {
  if (named !== undefined) return [named]
  if (last === undefined) return []
  const cache = await EdgeCache.open(state, silentLog)
  const farUs = ({ id }: { id: string }) => cache.reachedUs(id) ?? Number.MAX_SAFE_INTEGER
  const known = cache.edges.filter(({ out }) => out === undefined).sort((a, b) => farUs(a) - farUs(b))
  const others = known.filter((edge) => hostPort(edge) !== hostPort(last))
  return [last, ...others.map(({ host, port, addresses }) => ({ host, port, addresses }))]
}

function missing(what: string, why: string): Fault {
  return new Fault('INVALID', `Cannot sign in without --${what}: ${why}`, {
    hop: 'client',
    seen: { missing: what },
  })
}
