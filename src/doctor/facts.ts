/**
 * What was seen on one machine. Probes fill it; checks only read it, so that checks need no network.
 *
 * @module
 */
import type { Fault } from '../base/faults.ts'
import type { EdgeAddress } from '../link/credentials.ts'
import type { EdgeReport } from '../link/edge-sight.ts'
import type { Distance } from '../link/edge-survey.ts'
import type { Egress } from '../link/egress.ts'
import type { JudgedEdge } from '../policy/edge-choice.ts'
import type { ClockSync } from '../probe/clock-sync.ts'
import type { DenialFacts } from '../probe/denials.ts'
import type { DiskFacts } from '../probe/disk.ts'
import type { FileAccess } from '../probe/file-access.ts'
import type { PlainAnswer } from '../probe/first-line.ts'
import type { LinkFacts } from '../probe/link.ts'
import type { LoadFacts } from '../probe/load.ts'
import type { NameFacts, ResolverFile } from '../probe/names.ts'
import type { OomKill } from '../probe/oom-kill.ts'
import type { PackageFacts, PackageFiles } from '../probe/package.ts'
import type { PingFacts } from '../probe/ping.ts'
import type { PresentedCertificate } from '../probe/presented-chain.ts'
import type { ProxyHint } from '../probe/proxy-hints.ts'
import type { ReturnPathFacts } from '../probe/return-path.ts'
import type { Stall } from '../probe/stalls.ts'
import type { TcpFacts } from '../probe/tcp.ts'
import type { UnitFacts } from '../probe/unit.ts'
import type { EdgeHost, HostFacts } from './host-look.ts'

/** Whose connection to the world is looked at. */
export type PatientRole = 'connector' | 'client' | 'edge' | 'server'

/** What is known before anything is looked at. */
export interface Patient {
  readonly role: PatientRole
  readonly stateDir: string
  /** Connector only. */
  readonly keyFile?: string
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
  /** Where its address is expected, CIDRs; nothing is expected when empty. */
  readonly networks: readonly string[]
  /** Ports of its segment, from and to, where they are known. */
  readonly ports?: readonly (readonly [number, number])[]
}

/** The provisioning key file, read by this user. */
export interface KeyFacts {
  readonly file: string
  /** KEY_MISSING, KEY_UNREADABLE, KEY_MALFORMED; absent when it is a key. */
  readonly fault?: Fault
}

/** What enrolment or sign-in left on this machine. */
export interface IdentityFacts {
  readonly stored: boolean
  readonly id?: string
  readonly notAfterMs?: number
  /** SEAL_BROKEN, INVALID: why it cannot be opened. */
  readonly fault?: Fault
  /** Factors that changed without harm: `mac 1234abcd→5678abcd`. */
  readonly drifted: readonly string[]
}

/** The status document of the daemon, as far as it matters here. */
export interface DaemonFacts {
  readonly socket: string
  readonly answers: boolean
  /** Also of one that holds the socket and does not answer. */
  readonly pid?: number
  readonly version?: string
  readonly state?: string
  readonly fault?: { readonly code: string; readonly hop: string; readonly detail: string }
  readonly unit?: UnitFacts
  /** What it met last, by its record, where it does not answer: `edge EGRESS_BLOCKED since 2026-…`. */
  readonly lastOutage?: string
  /** The same, for whoever judges it. */
  readonly lastFault?: { readonly code: string; readonly detail: string }
  /** How the one before ended, by the kernel log. */
  readonly oomKill?: OomKill
  /** What it serves in spite of, by its own account. */
  readonly notes?: readonly { readonly code: string; readonly detail: string }[]
  /** What it says of edges. */
  readonly edges?: readonly EdgeReport[]
}

export type EgressFacts = { readonly egress: Egress } | { readonly fault: Fault }

/** Straight TCP to every address of the edge, or of the proxy. */
export interface TcpWay {
  readonly host: string
  readonly attempts: readonly TcpFacts[]
  /** Port 443 of the same addresses, where the edge serves another. */
  readonly port443?: readonly TcpFacts[]
  /** Proxies that other programs here are told to use, and whether each would take us to the edge. */
  readonly proxies: readonly (ProxyHint & { readonly takesUs: boolean; readonly saw: string })[]
}

/** The connection as the daemon makes it: straight, or through the proxy. */
export interface DialFacts {
  readonly fault?: Fault
  readonly tookMs: number
}

/** What answered the TLS handshake. */
export interface TlsFacts {
  readonly chain: readonly PresentedCertificate[]
  /** Would other programs of this machine believe the chain? */
  readonly trustedBySystem: boolean
  /** TLS_INTERCEPTED, PEER_REFUSED: why it is not an edge of the pinned tenant; times are not judged here. */
  readonly fault?: Fault
  /** HANDSHAKE_TIMEOUT, EDGE_UNREACHABLE: why there was no handshake. */
  readonly broken?: Fault
  /** Who answered in plain HTTP instead. */
  readonly plain?: PlainAnswer
  readonly tookMs: number
}

/** What the edge said once it was known to be one. */
export interface AnswerFacts {
  /** What to add to this clock to get the edge's, by its Date header; positive is slow. */
  readonly slowMs?: number
  /** That figure is good to this much: half the round trip and half a second of the header. */
  readonly slowWithinMs?: number
  /** Why there was no answer to a small request. */
  readonly fault?: Fault
  /** What became of the upgrade to a WebSocket: our own refusal is what is wanted. */
  readonly upgrade?: { readonly status: number; readonly ours: boolean; readonly body: string }
  /** Sizes of TLS records that were answered and that were not, bytes. */
  readonly records: readonly { readonly bytes: number; readonly answered: boolean }[]
}

export interface AppFacts {
  readonly target: AppTarget
  readonly name: NameFacts
  readonly attempts: readonly TcpFacts[]
  /** Usual other ports of the same kind of application, tried when its own is closed. */
  readonly neighbours: readonly TcpFacts[]
  readonly tls?: { readonly names: string; readonly subject: string; readonly fits: boolean }
  readonly ping?: PingFacts
  /** Connections to it that stand and get nothing through, as TCP tells it: asked where no echo tells a size. */
  readonly stalls?: readonly Stall[]
  /** Set if answers were thrown away while the connection was tried. */
  readonly returnPath?: ReturnPathFacts
}

/** The edges that this machine has been told of, measured just now. */
export interface EdgesFacts {
  /** Of this machine; empty where nobody has said. */
  readonly region: string
  /** By id. */
  readonly inUse?: string
  /** `code`: why it is not used, with what was met. */
  readonly edges: readonly (JudgedEdge & EdgeAddress)[]
  /** The second port of the edge in use, for control connections only, where it has one. */
  readonly second?: { readonly at: EdgeAddress; readonly distance: Distance }
}

/** Facts by name. Absent: not looked at yet, or not asked for. */
export interface FactTable {
  readonly denials: DenialFacts
  readonly disk: DiskFacts
  readonly stateDir: FileAccess
  readonly link: LinkFacts
  readonly resolvers: ResolverFile
  readonly key: KeyFacts
  readonly identity: IdentityFacts
  readonly egress: EgressFacts
  readonly edgeName: NameFacts
  readonly tcp: TcpWay
  readonly dial: DialFacts
  readonly tls: TlsFacts
  readonly answer: AnswerFacts
  readonly ping: PingFacts
  readonly sync: ClockSync
  readonly daemon: DaemonFacts
  readonly load: LoadFacts
  readonly app: AppFacts
  readonly package: PackageFacts
  readonly edges: EdgesFacts
  readonly host: HostFacts
}
export type FactName = keyof FactTable

export interface Facts {
  readonly patient: Patient
  readonly nowMs: number
  readonly known: Readonly<Partial<FactTable>>
  /** Why a fact could not be had. */
  readonly unknown: Readonly<Partial<Record<FactName, string>>>
  /** Facts that are still being looked for. */
  readonly pending: ReadonlySet<FactName>
}
