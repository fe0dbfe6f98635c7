import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { readKeyFile, removeKeyFile } from '../agent/identity/key-file.ts'
import { backoffMs } from '../base/backoff.ts'
import { wordsOf } from '../base/fault-words.ts'
import { asFault, Fault } from '../base/faults.ts'
import type { Log } from '../base/log.ts'
import type { StateDir } from '../base/state-dir.ts'
import { PROGRAM } from '../base/version.ts'
import { postEnrol } from '../link/control/requests.ts'
import { requireOwnCertificate } from '../link/dial/accept-certificate.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { Egress } from '../link/dial/egress.ts'
import { createKeyAndCsr } from '../pki/csr.ts'
import { PROTOCOL_VERSION } from '../wire/control.ts'
import {
  dropPending,
  type EdgeIdentity,
  type KeyPair,
  loadPending,
  saveIdentity,
  savePending,
} from './edge-identity.ts'

export interface EnrolEdgeOptions {
  readonly keyFile: string
  /** Instead of the home edge that the key names. */
  readonly home?: EdgeAddress
  /** The pair of an identity whose certificate has ended. */
  readonly ended?: KeyPair
  readonly egress: Egress
  readonly log: Log
  readonly signal: AbortSignal
  readonly onFailed: (fault: Fault) => void
}

const RETRY = { baseMs: 1000, capMs: 30_000 }
/** A fault that only a person can repair is tried again at this pace. */
const HOPELESS_MS = 10_000
/** Beside the control plane it is no person who does: each start of that writes a key. */
const BESIDE_MS = RETRY.baseMs

/** Enrols, however often it takes. @throws the reason of `o.signal`; nothing else. */
export async function enrolUntilDone(state: StateDir, o: EnrolEdgeOptions): Promise<EdgeIdentity> {
  let said = ''
  for (let attempt = 0; ; attempt++) {
    o.signal.throwIfAborted()
    try {
      return await enrol(state, o)
    } catch (error) {
      o.signal.throwIfAborted()
      const fault = ofThisEdge(asFault(error))
      const { code, hop, seen } = fault
      o.onFailed(fault)
      const level = said === code ? 'debug' : 'error'
      said = code
      o.log[level]({ event: 'edge.enrol-failed', code, hop, seen, fix: wordsOf(fault).fix }, fault.message)
      const hopelessMs = o.home?.socket === undefined ? HOPELESS_MS : BESIDE_MS
      const waitMs = fault.retry ? Math.max(RETRY.baseMs, backoffMs(attempt, RETRY)) : hopelessMs
      await sleep(waitMs, undefined, { signal: o.signal })
    }
  }
}

/** What is the connector's by the table is this edge's here: a key that cannot be read, a state that cannot be written. */
function ofThisEdge(fault: Fault): Fault {
  const { code, hop, detail, seen } = fault
  return hop === 'connector' ? new Fault(code, detail, { hop: 'edge', seen, cause: fault }) : fault
}

async function enrol(state: StateDir, o: EnrolEdgeOptions): Promise<EdgeIdentity> {
  const key = await readKeyFile(o.keyFile, o.log)
  const home = o.home ?? { host: key.edgeHost, port: key.edgePort }
  const pair = o.ended ?? (await pendingPair(state))
  const body = {
    version: PROTOCOL_VERSION,
    role: 'edge' as const,
    secret: key.secret,
    csr: pair.csrPem,
    host: {
      name: os.hostname().slice(0, 253),
      platform: `${os.type()} ${os.release()} ${os.arch()}`.slice(0, 128),
      program: PROGRAM,
    },
    fingerprint: {},
    timeMs: Date.now(),
  }
  const reply = await postEnrol(home, key.pin, body, { egress: o.egress, signal: o.signal })
  requireOwnCertificate(reply, { role: 'edge', keyPem: pair.keyPem, pin: key.pin })
  const identity: EdgeIdentity = {
    id: reply.id,
    tenant: reply.tenant,
    keyPem: pair.keyPem,
    csrPem: pair.csrPem,
    certificate: reply.certificate,
    rootPem: reply.root,
    notAfterMs: reply.notAfterMs,
    receivedMs: Date.now(),
    generation: reply.generation,
    home: { host: home.host, port: home.port },
  }
  await saveIdentity(state, identity)
  await removeKeyFile(o.keyFile, o.log)
  await dropPending(state)
  o.log.info({ event: 'edge.enrolled', edge: identity.id }, `Successfully enrolled. Edge ID ${identity.id}`)
  return identity
}

async function pendingPair(state: StateDir): Promise<KeyPair> {
  const stored = await loadPending(state)
  if (stored !== undefined) return stored
  const pair = await createKeyAndCsr(os.hostname().slice(0, 64))
  await savePending(state, pair)
  return pair
}
