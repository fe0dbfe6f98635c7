/**
 * A connector on which nothing is wrong, as facts; tests change what they are about.
 *
 * @module
 */
import { Fault } from '../base/faults.ts'
import { DIRECT } from '../link/dial/egress.ts'
import type { TcpFacts } from '../probe/tcp.ts'
import type { FactName, Facts, FactTable } from './facts.ts'
import type { Patient } from './patient.ts'

export const NOW_MS = Date.parse('2026-05-30T09:12:00Z')
const PIN = Buffer.alloc(32, 0xab)

export const PATIENT: Patient = {
  role: 'connector',
  stateDir: '/var/lib/backstitch/connector',
  keyFile: '/etc/backstitch/provision_key',
  proxyFile: '/etc/backstitch/proxy',
  edge: { host: 'edge.example.com', port: 443, source: 'the provisioning key' },
  pin: PIN,
}

export function tcp(is: TcpFacts['is'], o: Partial<TcpFacts> = {}): TcpFacts {
  const errno = {
    open: undefined,
    silent: 'ETIMEDOUT',
    refused: 'ECONNREFUSED',
    prohibited: 'EHOSTUNREACH',
    unreachable: 'ENETUNREACH',
    unasked: 'EADDRNOTAVAIL',
  }[is]
  return { address: '203.0.113.7', port: 443, is, errno, tookMs: is === 'silent' ? 10_000 : 3, ...o }
}

const CHAIN = [
  {
    subject: 'CN=edg_1',
    issuer: 'O=tnt_1, CN=Backstitch intermediate 2026',
    sha256: '11'.repeat(32),
    notBeforeMs: NOW_MS - 86_400_000,
    notAfterMs: NOW_MS + 6 * 86_400_000,
    names: 'URI:backstitch://tnt_1/edge/edg_1',
  },
]
const STATE = { path: PATIENT.stateDir, uid: 990, user: 'backstitch', owner: 990, mode: '0700' }

const HEALTHY: Omit<FactTable, 'ping' | 'app' | 'session' | 'package' | 'host'> = {
  denials: { enforcing: 'none', lines: [] },
  disk: { path: PATIENT.stateDir, freeBytes: 8e9, totalBytes: 9e9, freeInodes: 100_000 },
  stateDir: { ...STATE, is: 'readable', writable: true },
  link: { name: 'eth0', state: 'up', running: ['eth0'], cards: ['eth0'] },
  resolvers: {
    ...STATE,
    path: '/etc/resolv.conf',
    is: 'readable',
    owner: 0,
    mode: '0644',
    servers: ['10.20.0.53'],
    search: [],
  },
  key: { file: PATIENT.keyFile! },
  identity: { stored: true, id: 'con_1', notAfterMs: NOW_MS + 5 * 86_400_000, drifted: [] },
  egress: { egress: DIRECT },
  edgeName: {
    name: 'edge.example.com',
    addresses: ['203.0.113.7'],
    tookMs: 4,
    servers: [{ server: '10.20.0.53', said: 'NOERROR', addresses: ['203.0.113.7'], ttlSeconds: 60 }],
  },
  tcp: { host: 'edge.example.com', attempts: [tcp('open')], proxies: [] },
  dial: { tookMs: 5 },
  tls: { chain: CHAIN, trustedBySystem: false, tookMs: 12 },
  answer: {
    slowMs: 20,
    slowWithinMs: 510,
    upgrade: { status: 403, ours: true, body: '' },
    records: [
      { bytes: 400, answered: true },
      { bytes: 8000, answered: true },
    ],
  },
  sync: { by: 'chronyc', synchronised: true, slowMs: 0, saw: 'Leap status : Normal' },
  daemon: { socket: `${PATIENT.stateDir}/status.sock`, answers: true, pid: 2041, state: 'healthy' },
  edges: { region: '', edges: [] },
  load: {
    thread: { ran: 0.1, waited: 0 },
    cpus: 2,
    load1: 0.2,
    memoryTotalBytes: 4e9,
    memoryAvailableBytes: 2e9,
    descriptors: { pid: 2041, open: 40, limit: 1024 },
    localPorts: { used: 12, range: 28_000 },
  },
}

export interface Change {
  readonly known?: Partial<FactTable>
  /** Facts that could not be had, because of a prerequisite or otherwise. */
  readonly without?: readonly FactName[]
  readonly pending?: readonly FactName[]
  readonly patient?: Partial<Patient>
}

export function factsOf({ known = {}, without = [], pending = [], patient = {} }: Change = {}): Facts {
  const all: Partial<Record<FactName, unknown>> = { ...HEALTHY, ...known }
  for (const name of [...without, ...pending]) delete all[name]
  return {
    patient: { ...PATIENT, ...patient },
    nowMs: NOW_MS,
    known: all as Partial<FactTable>,
    unknown: Object.fromEntries(without.map((name) => [name, 'could not look'])),
    pending: new Set(pending),
  }
}

/** Facts changed in place of the healthy ones, one level deep. */
export function changed<Name extends keyof typeof HEALTHY>(
  name: Name,
  change: Partial<FactTable[Name]>,
): FactTable[Name] {
  return { ...HEALTHY[name], ...change } as FactTable[Name]
}

export function fixtureFault(...args: ConstructorParameters<typeof Fault>): Fault {
  return new Fault(...args)
}

/** No connection at all: what follows the dial was not looked at. */
export const NO_WAY: readonly FactName[] = ['tls', 'answer']
