/**
 * An edge that was enrolled in order and says what suits it of who is behind it. And, to compare, anybody at any address.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import path from 'node:path'
import tls from 'node:tls'
import { asFault, Fault, type FaultCode } from '../src/base/faults.ts'
import { stitchStreams } from '../src/edge/stitch-streams.ts'
import { postEnrol, postLogin } from '../src/link/control/requests.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { dialLocal } from '../src/link/dial/dial-local.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { listenHere } from '../src/link/dial/listen.fixture.ts'
import { readExactly } from '../src/link/dial/read-exactly.ts'
import { contextOf } from '../src/link/dial/tls-context.ts'
import { startTls } from '../src/link/dial/tls-session.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import { hashKeySecret } from '../src/pki/provisioning-key.ts'
import type { CertificateReply, EnrolRequest } from '../src/wire/control.ts'
import { ALPN_RELAY, encodeRelayHeader, RELAY_OK } from '../src/wire/relay.ts'
import type { Site } from './site.ts'

const HOST = { name: 'rogue', platform: 'test', program: 'test' }
const signal = () => AbortSignal.timeout(60_000)

/** A way to the control plane, and where its peers are said to be. */
export interface Way extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Where peers are from now on. */
  claimed: string
  /** A connection to the control plane. @throws {Fault} what it refuses with. */
  open(): Promise<net.Socket>
  /** @throws {Fault} as the control plane names it. */
  login(user: string, password: string, csrPem?: string): Promise<CertificateReply>
  /** @returns The status of an answer of the API. */
  whoami(token: string): Promise<number>
  /** Enrols a connector. @throws {Fault} as the control plane names it. */
  enrol(secret: string): Promise<CertificateReply>
}

/** Whoever comes directly, from `address`: what the edge next to the control plane says of a peer is true. */
export function openDirect(site: Site, address: string): Promise<Way> {
  return openWay(site, address, (from) => local(site, from))
}

/** An enrolled edge at 198.51.100.200 that says its peers are at `claimed`. */
export async function openRogueEdge(
  site: Site,
  claimed: string,
  name = 'rogue',
): Promise<Way & { readonly id: string }> {
  const credentials = await enrolEdge(site, name)
  const way = await openWay(site, claimed, async (from) => {
    const socket = await local(site, '198.51.100.200')
    const outer = await startTls(socket, {
      ...{ context: contextOf(credentials), alpn: ALPN_RELAY, signal: signal() },
    })
    outer.on('error', () => {})
    outer.write(encodeRelayHeader({ address: from, port: 4711 }))
    const length = (await readExactly(outer, 1, signal()))[0]!
    if (length === RELAY_OK) return outer
    throw new Fault((await readExactly(outer, length, signal())).toString() as FaultCode, 'told to the edge')
  })
  return Object.assign(way, { id: credentials.identity.id })
}

function local({ dir }: Site, address: string): Promise<net.Socket> {
  return dialLocal(path.join(dir, 'server', 'control.sock'), { address, port: 4711 }, signal())
}

async function openWay(
  { control }: Site,
  claimed: string,
  dial: (from: string) => Promise<net.Socket>,
): Promise<Way> {
  const open: net.Socket[] = []
  const connect = async () => {
    const socket = await dial(way.claimed)
    socket.on('error', () => {})
    open.push(socket)
    return socket
  }
  let refused: unknown
  const listener = await listenHere((socket) => {
    connect().then(
      (far) =>
        void stitchStreams(
          { socket },
          far instanceof tls.TLSSocket ? { socket: far, outer: far } : { socket: far },
        ),
      (fault) => {
        refused = fault
        socket.destroy()
      },
    )
  })
  const { host, port } = listener
  const said = <T>(asked: Promise<T>) =>
    asked.catch((thrown: unknown) => {
      throw refused ?? thrown
    })
  const options = () => ({ egress: DIRECT, signal: signal() })
  const way: Way = {
    ...{ host, port, claimed, open: connect },
    async login(user, password, csrPem) {
      const csr = csrPem ?? (await createKeyAndCsr('rogue')).csrPem
      const body = { version: 1, user, password, csr, device: HOST, timeMs: Date.now() }
      return said(postLogin({ host, port }, control.pin, body, options()))
    },
    async enrol(secret) {
      const { csrPem: csr } = await createKeyAndCsr('rogue')
      const body = { version: 1, secret, csr, fingerprint: {}, host: HOST, timeMs: Date.now() }
      return said(postEnrol({ host, port }, control.pin, body, options()))
    },
    async whoami(token) {
      const socket = tls.connect({ host, port, ALPNProtocols: ['http/1.1'], rejectUnauthorized: false })
      await once(socket, 'secureConnect').catch((thrown: unknown) => {
        throw asFault(refused ?? thrown)
      })
      socket.write(`GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return Number(/^HTTP\/1\.1 (\d+)/.exec(String(answer))?.[1])
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await listener[Symbol.asyncDispose]()
    },
  }
  return way
}

export async function enrolEdge({ control, edge }: Site, name: string): Promise<Credentials> {
  const { objects, keys } = control.store
  const spec = {
    description: '',
    enabled: true,
    host: `${name}.example`,
    port: 443,
    region: '',
    addresses: [],
  }
  const { id: edgeId } = await objects.put({ kind: 'edge', name, spec })
  const secret = randomBytes(32).toString('base64url')
  const good = { maxUses: 1, expiresMs: Date.now() + 60_000, secretHash: hashKeySecret(secret) }
  await keys.create({ name: `key-${name}`, edgeId, ...good })
  const { keyPem, csrPem } = await createKeyAndCsr('rogue')
  const body: EnrolRequest = {
    ...{ version: 1, role: 'edge', secret, csr: csrPem, fingerprint: {}, host: HOST, timeMs: Date.now() },
  }
  const at = { host: '127.0.0.1', port: edge.port }
  const reply = await postEnrol(at, control.pin, body, { egress: DIRECT, signal: signal() })
  const { id, tenant, certificate, root, notAfterMs, generation } = reply
  const identity = { tenant, role: 'edge', id } as const
  return { identity, keyPem, certificate, rootPem: root, notAfterMs, generation }
}
