/**
 * Agents of which a test chooses every word: real keys, certificates and control connections, with no program of
 * ours behind them.
 *
 * @module
 */
import { sessionId } from '../src/base/session-id.ts'
import { PROGRAM } from '../src/base/version.ts'
import { dialControl } from '../src/link/control/control-dial.ts'
import type { AgentChannel } from '../src/link/control/control-ends.ts'
import { postEnrol, postLogin } from '../src/link/control/requests.ts'
import type { Credentials } from '../src/link/dial/credentials.ts'
import { DIRECT } from '../src/link/dial/egress.ts'
import { createKeyAndCsr } from '../src/pki/csr.ts'
import { parseProvisioningKey } from '../src/pki/provisioning-key.ts'
import {
  type CertificateReply,
  type ControlMessage,
  type HelloMessage,
  PROTOCOL_VERSION,
  type WelcomeMessage,
} from '../src/wire/control.ts'
import type { Site } from './site.ts'

/** Where an installation is reached, and how it is known. */
export interface Place {
  readonly edge: { readonly host: string; readonly port: number }
  readonly pin: Buffer
}

export function placeOf(site: Site): Place {
  return { edge: { host: '127.0.0.1', port: site.edge.port }, pin: site.control.pin }
}

let sessions = 0

/** The id of one more session of this grant, as a client makes it. */
export function newSession({
  grantId,
  expiresMs,
}: {
  readonly grantId: string
  readonly expiresMs: number
}): string {
  return sessionId({ id: grantId, expiresMs }, ++sessions, Date.now())
}

const HOST = { name: 'rogue', platform: 'test', program: PROGRAM }

/** @param key Text of a provisioning key. */
export async function enrolConnector(place: Place, key: string): Promise<Credentials> {
  const { secret } = parseProvisioningKey(key)
  const { keyPem, csrPem } = await createKeyAndCsr('rogue')
  const body = {
    version: PROTOCOL_VERSION,
    secret,
    csr: csrPem,
    host: HOST,
    fingerprint: {},
    timeMs: Date.now(),
  }
  const reply = await postEnrol(place.edge, place.pin, body, {
    egress: DIRECT,
    signal: AbortSignal.timeout(20_000),
  })
  return credentials('connector', reply, keyPem)
}

export async function signInDevice(
  place: Place,
  who: { user: string; password: string },
): Promise<Credentials> {
  const { keyPem, csrPem } = await createKeyAndCsr('rogue')
  const body = { version: PROTOCOL_VERSION, ...who, csr: csrPem, device: HOST, timeMs: Date.now() }
  const options = { egress: DIRECT, signal: AbortSignal.timeout(20_000) }
  return credentials('client', await postLogin(place.edge, place.pin, body, options), keyPem)
}

/** A control connection after its welcome, with everything that came since. */
export class RogueAgent implements AsyncDisposable {
  readonly channel: AgentChannel
  readonly welcome: WelcomeMessage
  readonly heard: ControlMessage[] = []
  #waiting: { is: (message: ControlMessage) => boolean; resolve: (message: ControlMessage) => void }[] = []

  static async connect(
    place: Place,
    who: Credentials,
    hello: Partial<HelloMessage> = {},
  ): Promise<RogueAgent> {
    const { channel, welcome } = await dialControl(place.edge, {
      egress: DIRECT,
      credentials: who,
      hello: {
        type: 'hello',
        version: PROTOCOL_VERSION,
        program: PROGRAM,
        role: who.identity.role === 'connector' ? 'connector' : 'client',
        timeMs: Date.now(),
        host: 'rogue',
        ...hello,
      },
      signal: AbortSignal.timeout(20_000),
    })
    return new RogueAgent(channel, welcome)
  }

  private constructor(channel: AgentChannel, welcome: WelcomeMessage) {
    this.channel = channel
    this.welcome = welcome
    channel.onMessage = (message) => {
      this.heard.push(message)
      for (const one of this.#waiting.filter(({ is }) => is(message))) one.resolve(message)
      this.#waiting = this.#waiting.filter(({ is }) => !is(message))
    }
  }

  /** The first message of this type, past or to come. */
  hears<T extends ControlMessage['type']>(type: T): Promise<Extract<ControlMessage, { type: T }>> {
    type Wanted = Extract<ControlMessage, { type: T }>
    const past = this.heard.find((message): message is Wanted => message.type === type)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve) => {
      this.#waiting.push({
        is: (message) => message.type === type,
        resolve: (message) => resolve(message as Wanted),
      })
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.channel[Symbol.asyncDispose]()
  }
}

function credentials(
  role: 'connector' | 'client',
  { id, tenant, certificate, root, notAfterMs, generation }: CertificateReply,
  keyPem: string,
): Credentials {
  return { identity: { tenant, role, id }, keyPem, certificate, rootPem: root, notAfterMs, generation }
}
