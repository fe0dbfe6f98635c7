/**
 * What agents and remote edges are told when edges come, go or change, and when somebody is shut out.
 *
 * @module
 */
import {
  batches,
  type ControlMessage,
  type EdgeStateMessage,
  MAX_LIST_BYTES,
  MAX_STATE_IDS,
} from '../../wire/control.ts'
import type { Edges } from './edges.ts'
import type { Presence } from './presence.ts'

/** An edge that says in turns that it drains and that it does not is no flood to every agent. */
const LIST_AT_MOST_EVERY_MS = 1000

const STATE = { maxBytes: MAX_LIST_BYTES, maxItems: MAX_STATE_IDS }

export interface EdgeUpdatesDeps {
  readonly presence: Presence
  readonly edges: Edges
  readonly revokedSerials: ReadonlySet<string>
}

export class EdgeUpdates {
  readonly #deps: EdgeUpdatesDeps
  #told = ''
  #toldMs = Number.NEGATIVE_INFINITY
  #later: NodeJS.Timeout | undefined

  constructor(deps: EdgeUpdatesDeps) {
    this.#deps = deps
  }

  /** Tells every agent of the edges there are, if that changed: at once, and again after a second at the earliest. */
  listChanged(): void {
    const waitMs = this.#toldMs + LIST_AT_MOST_EVERY_MS - performance.now()
    if (waitMs <= 0) this.#tellList()
    else this.#later ??= setTimeout(() => this.#tellList(), waitMs).unref()
  }

  #tellList(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    const { presence, edges } = this.#deps
    const message: ControlMessage = { type: 'edges', edges: edges.list() }
    const text = JSON.stringify(message)
    if (text === this.#told) return
    this.#told = text
    this.#toldMs = performance.now()
    for (const { channel } of presence.connectors()) channel.send(message)
    for (const { channel } of presence.allClients()) channel.send(message)
  }

  /** Everything a remote edge has to know: behind its welcome. */
  wholeState(): EdgeStateMessage[] {
    const { revokedSerials } = this.#deps
    const [first = [], ...more] = batches(revokedSerials, STATE)
    return [first, ...more].map((revoked, at) => ({
      type: 'edge-state',
      whole: at === 0,
      revoked,
      ended: [],
    }))
  }

  revoked(serials: readonly string[]): void {
    for (const revoked of batches(serials, STATE)) this.#tell({ revoked })
  }

  /** Pipes of this agent are to be cut wherever they are. */
  ended(id: string): void {
    this.#tell({ ended: [id] })
  }

  #tell(news: Partial<Pick<EdgeStateMessage, 'revoked' | 'ended'>>): void {
    const { presence } = this.#deps
    const message: EdgeStateMessage = {
      type: 'edge-state',
      whole: false,
      revoked: [],
      ended: [],
      ...news,
    }
    // In one order with the whole state of an edge that has just come, part of which may still wait.
    for (const { channel } of presence.edges()) channel.sendAll([message])
  }
}
