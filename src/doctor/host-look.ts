import { readFile, stat } from 'node:fs/promises'
import net from 'node:net'
import os from 'node:os'
import tls from 'node:tls'
import { type HalfOpen, lookAtHalfOpen } from '../probe/half-open.ts'
import { type Descriptors, readDescriptors } from '../probe/load.ts'
import { lookUp, type NameFacts } from '../probe/names.ts'
import { portHolder, unixSocketHolder } from '../probe/port-holder.ts'
import type { ResolverFile } from '../probe/resolver-file.ts'
import { type TcpFacts, tryTcp } from '../probe/tcp.ts'
import { ALPN_PIPE } from '../wire/handover.ts'

/** Where an edge serves: what the doctor on its own machine goes by. */
export interface EdgeHost {
  readonly listen: { readonly host: string; readonly port: number }
  /** What agents come by. */
  readonly publicHost?: string
  /** Of a server: where its edge meets the control plane. */
  readonly controlSocket?: string
  /** Of a server: the state directory of its edge. */
  readonly edgeState?: string
  /** Of a server: the file that says what agents come by, where it could not be read. */
  readonly unread?: { readonly file: string; readonly why: string }
}

/** What can be seen of an edge on its own machine. */
export interface EdgeHostFacts {
  readonly attempt: TcpFacts
  /** `NAME (process PID)`, where it may be seen. */
  readonly heldBy?: string
  readonly certificates: readonly HostCertificate[]
  /** Absent where agents come by an address. */
  readonly name?: NameFacts
  readonly ownAddresses: readonly string[]
  /** Connections that the firewall of this machine keeps track of; absent where it does not. */
  readonly tracked?: Tracked | { readonly unread: string }
  /** At its port; absent where nothing could say. */
  readonly halfOpen?: HalfOpen
  /** Of the control plane, a process beside the edge; absent where it cannot be seen. */
  readonly controlDescriptors?: Descriptors
}

export interface Tracked {
  readonly count: number
  readonly max: number
  /** In a container: only its host may raise the most. */
  readonly fixed: boolean
}

export interface HostCertificate {
  readonly whose: 'tenant' | 'public'
  readonly subject: string
  readonly notAfterMs: number
}

const NAME_MS = 6000
const TCP_MS = 2000
const TLS_MS = 3000

/** Never throws. */
export async function lookAtHost(
  { listen, publicHost, controlSocket }: EdgeHost,
  resolvers: ResolverFile,
  signal: AbortSignal,
): Promise<EdgeHostFacts> {
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[listen.host] ?? listen.host
  const named = publicHost !== undefined && net.isIP(publicHost) === 0
  const control = controlSocket === undefined ? undefined : unixSocketHolder(controlSocket)
  const [attempt, name, tenant, open, tracked, halfOpen, controlDescriptors] = await Promise.all([
    tryTcp(host, listen.port, { signal, timeoutMs: TCP_MS }),
    named
      ? lookUp(publicHost, resolvers, { signal: AbortSignal.any([signal, AbortSignal.timeout(NAME_MS)]) })
      : undefined,
    certificateAt({ host, port: listen.port, alpn: ALPN_PIPE }, 'tenant', signal),
    certificateAt({ host, port: listen.port, alpn: 'http/1.1' }, 'public', signal),
    readTracked(),
    lookAtHalfOpen(listen.port, signal),
    control === undefined ? undefined : readDescriptors('/proc', control),
  ])
  return {
    attempt,
    heldBy: portHolder(listen.port),
    certificates: [tenant, open].filter((one) => one !== undefined),
    name,
    ownAddresses: Object.values(os.networkInterfaces()).flatMap((all) => all!.map(({ address }) => address)),
    ...{ tracked, halfOpen, controlDescriptors },
  }
}

export async function readTracked(folder = '/proc/sys/net/netfilter'): Promise<EdgeHostFacts['tracked']> {
  const figure = async (name: string) => Number(await readFile(`${folder}/nf_conntrack_${name}`, 'utf8'))
  return Promise.all([figure('count'), figure('max'), stat(`${folder}/nf_conntrack_max`)]).then(
    ([count, max, { mode }]) => ({ count, max, fixed: (mode & 0o222) === 0 }),
    ({ code = 'unknown' }: NodeJS.ErrnoException) => (code === 'ENOENT' ? undefined : { unread: code }), // without the module nothing is tracked
  )
}

function certificateAt(
  { host, port, alpn }: { host: string; port: number; alpn: string },
  whose: HostCertificate['whose'],
  signal: AbortSignal,
): Promise<HostCertificate | undefined> {
  return new Promise((done) => {
    const late = AbortSignal.any([signal, AbortSignal.timeout(TLS_MS)])
    const socket = tls.connect({ host, port, ALPNProtocols: [alpn], rejectUnauthorized: false })
    const end = (found?: HostCertificate) => {
      late.removeEventListener('abort', stop)
      socket.destroy()
      done(found)
    }
    const stop = () => end()
    late.addEventListener('abort', stop, { once: true })
    socket.on('error', stop)
    socket.once('close', stop)
    socket.once('secureConnect', () => {
      const shown = socket.getPeerX509Certificate()
      end(shown && { whose, subject: shown.subject, notAfterMs: Date.parse(shown.validTo) })
    })
  })
}
