/**
 * What was seen on one machine. Probes fill it; checks only read it, so that checks need no network.
 *
 * @module
 */
import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import type { Distance } from '../agent/edges/edge-survey.ts'
import type { Fault } from '../base/faults.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { Egress } from '../link/dial/egress.ts'
import type { JudgedEdge } from '../policy/edge-choice.ts'
import type { ClockSync } from '../probe/clock-sync.ts'
import type { DiskFacts } from '../probe/disk.ts'
import type { FileAccess } from '../probe/file-access.ts'
import type { PlainAnswer } from '../probe/first-line.ts'
import type { FirstWord, HungUp } from '../probe/first-word.ts'
import type { LoadFacts } from '../probe/load.ts'
import type { DenialFacts } from '../probe/lsm-denials.ts'
import type { NameFacts } from '../probe/names.ts'
import type { LinkFacts } from '../probe/network-link.ts'
import type { OomKill } from '../probe/oom-kill.ts'
import type { PackageFacts } from '../probe/package.ts'
import type { PingFacts } from '../probe/ping.ts'
import type { PresentedCertificate } from '../probe/presented-chain.ts'
import type { ProxyHint } from '../probe/proxy-hints.ts'
import type { ResolverFile } from '../probe/resolver-file.ts'
import type { LostAnswers } from '../probe/return-path.ts'
import type { Stall } from '../probe/stalls.ts'
import type { TcpFacts } from '../probe/tcp.ts'
import type { UdpFacts } from '../probe/udp.ts'
import type { UnitFacts } from '../probe/unit.ts'
import type { KnownEdge } from '../wire/control.ts'
import type { EdgeHostFacts } from './host-look.ts'
import type { AppTarget, Patient } from './patient.ts'
import type { SecondLook } from './second-look.ts'

/** The provisioning key file, read by this user. */
export interface KeyFacts {
  readonly file: string
  /** KEY_MISSING, KEY_UNREADABLE, KEY_MALFORMED; absent when it is a key. */
  readonly fault?: Fault
  /** When it was last written or put there. */
  readonly changedMs?: number
}

/** What enrolment or sign-in left on this machine. */
export interface IdentityFacts {
  readonly stored: boolean
  readonly id?: string
  /** Of a client: who signed in. */
  readonly user?: string
  readonly notAfterMs?: number
  /** SEAL_BROKEN, INVALID: why it cannot be opened. */
  readonly fault?: Fault
  /** Factors that changed without harm: `mac 1234abcd→5678abcd`. */
  readonly drifted: readonly string[]
}

export interface DaemonNote {
  readonly code: string
  readonly detail: string
  readonly seen?: {
    /** Of an application: line by line. */
    readonly saw?: readonly string[]
    readonly fix?: readonly string[]
    /** Of a worker that ended. */
    readonly pid?: number
    /** Of a name that leads elsewhere since it worked: where it led, and until when. */
    readonly name?: string
    readonly before?: string
    readonly until?: string
  }
}

/** The status document of the daemon, as far as it matters here. */
export interface DaemonFacts {
  readonly socket: string
  readonly answers: boolean
  /** It could not even be asked: errno. Whether it runs is not known. */
  readonly unasked?: string
  /** Somebody holds the socket: how the question ended. */
  readonly silence?: string
  /** Also of one that holds the socket and does not answer. */
  readonly pid?: number
  readonly version?: string
  readonly state?: string
  readonly fault?: DaemonFault
  readonly unit?: UnitFacts
  /** Why systemd did not say whether there is one. */
  readonly unitUnseen?: string
  /** What it met last, by its record, where nothing answers: `edge EGRESS_BLOCKED since 2026-…`. */
  readonly lastOutage?: string
  /** The same, for whoever judges it. */
  readonly lastFault?: {
    readonly code: string
    readonly detail: string
    /** As it found itself then. */
    readonly fix?: readonly string[]
    /** When the record was written last. */
    readonly writtenMs?: number
  }
  /** How the one before ended, or of one that runs the last worker that did, by the kernel log. */
  readonly oomKill?: OomKill
  /** What it serves in spite of, by its own account. */
  readonly notes?: readonly DaemonNote[]
  /** What it says of edges. */
  readonly edges?: readonly EdgeReport[]
  /** Applications that it did not reach when it was last sent to them: the first few. */
  readonly failing?: readonly { readonly application: string; readonly fault: DaemonFault }[]
}

export interface DaemonFault {
  readonly code: string
  readonly hop: string
  readonly detail: string
  readonly seen?: Fault['seen']
}

export type EgressFacts = { readonly egress: Egress } | { readonly fault: Fault }

/** An address that this machine does not go by, tried all the same, and who says that it is one. */
export type OtherTcp = TcpFacts & { readonly source: string }

/** Straight TCP to every address of the edge, or of the proxy. */
export interface TcpWay {
  readonly host: string
  readonly attempts: readonly TcpFacts[]
  /** Port 443 of the same addresses, where the edge serves another. */
  readonly port443?: readonly TcpFacts[]
  /** Set if none answers, and yet answers arrive at this machine. */
  readonly returnPath?: LostAnswers
  /** What its name leads to by other sources than the one that programs here go by. */
  readonly others?: readonly OtherTcp[]
  /** Proxies that other programs here are told to use, and whether each would take us to the edge. */
  readonly proxies: readonly (ProxyHint & { readonly takesUs: boolean; readonly saw: string })[]
}

/** The connection as the daemon makes it: straight, or through the proxy. */
export interface DialFacts {
  readonly fault?: Fault
  /** TCP stood, to the edge or to the proxy. */
  readonly stood?: boolean
  readonly tookMs: number
  /** Set if the proxy is silent, and yet its answers arrive at this machine. */
  readonly returnPath?: LostAnswers
  /** Of the proxy: where it was looked for. */
  readonly address?: string
}

/** What answered the TLS handshake. */
export interface TlsFacts {
  readonly chain: readonly PresentedCertificate[]
  /** Would other programs of this machine believe the chain? */
  readonly trustedBySystem: boolean
  /** TLS_INTERCEPTED, PIN_MISMATCH, PEER_REFUSED: why it is not an edge of the pinned tenant; times are not judged here. */
  readonly fault?: Fault
  /** HANDSHAKE_TIMEOUT, EDGE_UNREACHABLE: why there was no handshake. */
  readonly broken?: Fault
  /** Where there was no handshake: what became of others that asked in other ways. */
  readonly second?: readonly SecondLook[]
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
  /** Until there was an answer to a small request, or no more waiting for it; connection and handshake included. */
  readonly tookMs?: number
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
  /** Of its addresses, those that no connector dials for it. */
  readonly refused: readonly { readonly address: string; readonly why: string }[]
  /** None where it takes datagrams only. */
  readonly attempts: readonly TcpFacts[]
  readonly udp?: readonly UdpFacts[]
  /** As TcpWay.others. */
  readonly others?: readonly OtherTcp[]
  /** Usual other ports of the same kind of application, tried when its own is closed. */
  readonly neighbours: readonly TcpFacts[]
  readonly tls?: {
    readonly names: string
    readonly subject: string
    readonly fits: boolean
    /** From when to when; none: not looked at. */
    readonly validMs?: readonly [from: number, to: number]
    /** The handshake. */
    readonly tookMs?: number
  }
  /** On a port where TLS is usual: why no certificate was seen. */
  readonly tlsUnseen?: string
  /** It takes connections and ends them before anybody has asked. */
  readonly hungUp?: HungUp
  /** It kept a connection on which nothing was said; where neither is set, that was not seen. */
  readonly keeps?: true
  readonly ping?: PingFacts
  /** Connections to it that stand and get nothing through, as TCP tells it: asked where no echo tells a size. */
  readonly stalls?: readonly Stall[]
  /** Set if nothing answers, and yet answers arrive at this machine. */
  readonly returnPath?: LostAnswers
}

/** A session of this device to the application, as a program here would have it. */
export interface AppSessionFacts {
  readonly target: Pick<AppTarget, 'host' | 'port'>
  /** `doctor`: no client runs here, so it was one for this look alone. */
  readonly by: 'daemon' | 'doctor'
  readonly tookMs: number
  /** Why there was none, or why it broke. */
  readonly fault?: Fault
  /** What the application did with it before anybody had asked for anything. */
  readonly said?: FirstWord
  /** What connectors, or earlier sessions of this device, know of it that a connection alone does not show. */
  readonly notes?: readonly Fault[]
  /** What control saw, which looked from this device, with a large transfer and by the connector; absent if it did not. */
  readonly looked?: { readonly well: boolean; readonly fault?: Fault }
}

/** The edges that this machine has been told of, measured just now. */
export interface EdgesFacts {
  /** Of this machine; empty where nobody has said. */
  readonly region: string
  /** By id. */
  readonly inUse?: string
  /** The list is there and cannot be read. */
  readonly unread?: { readonly file: string; readonly why: string }
  /** `code`: why it is not used, with what was met. */
  readonly edges: readonly (JudgedEdge & EdgeAddress & Pick<KnownEdge, 'out'>)[]
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
  readonly session: AppSessionFacts
  readonly package: PackageFacts
  readonly edges: EdgesFacts
  readonly host: EdgeHostFacts
}
export type FactName = keyof FactTable

export interface Facts {
  readonly patient: Patient
  readonly nowMs: number
  readonly known: Readonly<Partial<FactTable>>
  /** Why a fact could not be had. */
  readonly unknown: Readonly<Partial<Record<FactName, string>>>
  /** Of those, where the look itself failed: it threw, or had no end in time. The others do not apply here. */
  readonly failed?: ReadonlySet<FactName>
  /** Facts that are still being looked for. */
  readonly pending: ReadonlySet<FactName>
}
