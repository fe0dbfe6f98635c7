import type { Clock } from '../../src/base/clock.ts'
import { newId } from '../../src/base/ids.ts'
import { type CachedGrant, GrantCache } from '../../src/client/session/grant-cache.ts'
import type { Peer } from '../../src/pki/verify.ts'
import { type ControlMessage, PROTOCOL_VERSION } from '../../src/wire/control.ts'
import type { Posture, To } from './change.ts'
import { ModelChannel } from './channel.ts'

export type Granted = Extract<ControlMessage, { type: 'granted' }>

/** One client process of a device, with the grants that it keeps. */
export class ModelClient {
  readonly peer: Peer
  readonly process: string
  readonly grants: GrantCache
  readonly #clock: Clock
  readonly #onRevoked: (grants: ReadonlySet<string>) => void
  readonly #asked = new Map<string, (answer: ControlMessage | undefined) => void>()
  #channel: ModelChannel | undefined

  constructor(peer: Peer, process: string, clock: Clock, onRevoked: (grants: ReadonlySet<string>) => void) {
    this.peer = peer
    this.process = process
    this.grants = new GrantCache(clock)
    this.#clock = clock
    this.#onRevoked = onRevoked
  }

  get isConnected(): boolean {
    return this.#channel?.isOpen === true
  }

  comes() {
    this.#channel = new ModelChannel((message) => this.#hear(message))
    const { end } = this.#channel
    void end.closed.then(() => {
      for (const answer of this.#asked.values()) answer(undefined)
      this.#asked.clear()
    })
    return end
  }

  hello(posture: Posture): void {
    const said = { program: 'p', host: 'h', role: 'client', timeMs: this.#clock.nowMs() } as const
    this.#channel?.say({ type: 'hello', version: PROTOCOL_VERSION, ...said, posture })
  }

  goes(): void {
    this.#channel?.goes()
  }

  /** What control answers, or nothing. */
  async ask(to: To): Promise<ControlMessage | undefined> {
    if (!this.isConnected) return undefined
    const id = newId('req')
    const answer = new Promise<ControlMessage | undefined>((resolve) => this.#asked.set(id, resolve))
    this.#channel!.say({ type: 'authorize', id, ...to, wantPipe: false })
    return answer
  }

  keep(to: To, granted: Granted): CachedGrant {
    return this.grants.put({ ...to, key: keyOf(to) } as never, granted, 0)
  }

  /** As client/client.ts. */
  #hear(message: ControlMessage): void {
    if (message.type === 'welcome') this.#revoke(message.revoked)
    if (message.type === 'revoke') this.#revoke(message.grants)
    if (!('id' in message)) return
    this.#asked.get(message.id)?.(message)
    this.#asked.delete(message.id)
  }

  #revoke(grants: readonly string[]): void {
    this.grants.revoke(grants)
    this.#onRevoked(new Set(grants))
  }
}

export function keyOf({ host, port, protocol }: To): string {
  return `${protocol} ${host}:${port}`
}
