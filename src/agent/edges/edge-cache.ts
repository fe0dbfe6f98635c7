/**
 * What an agent knows of edges, kept in STATE/edges.json for its next start: the list that the control plane gave, where the
 * agent itself is said to be, and how far each edge was when it last answered. A cache: lost or damaged, it is learned anew.
 *
 * @module
 */
import { z } from 'zod'
import { asFault } from '../../base/faults.ts'
import type { Log } from '../../base/log.ts'
import type { StateDir } from '../../base/state-dir.ts'
import { type KnownEdge, knownEdge, MAX_EDGES } from '../../wire/control.ts'

const FILE = 'edges.json'
/** A distance that is older says nothing of today. */
const FORGET_MS = 30 * 86_400_000
/** A distance is written again when it is that old, or has changed by a fifth. */
const WRITE_MS = 3_600_000
const CHANGED_SHARE = 0.2

const kept = z.strictObject({
  version: z.literal(1),
  /** Of the agent. */
  region: z.string().max(64),
  /** Of a connector: the name of its group. */
  group: z.string().max(256).optional(),
  edges: z.array(knownEdge).max(MAX_EDGES),
  /** By edge id. */
  reached: z.record(z.string(), z.strictObject({ rttUs: z.number(), atMs: z.number() })),
  /** By edge id: the address at which it last proved itself. */
  worked: z.record(z.string(), z.strictObject({ address: z.string().max(64), atMs: z.number() })).default({}),
})
type KeptEdges = z.infer<typeof kept>

export class EdgeCache {
  readonly #state: StateDir
  readonly #log: Log
  readonly #nowMs: () => number
  #kept: KeptEdges
  #writing: Promise<void> = Promise.resolve()
  /** Why there is nothing in it, though there is a file. */
  unread: { readonly file: string; readonly why: string } | undefined

  static async open(state: StateDir, log: Log, nowMs: () => number = Date.now): Promise<EdgeCache> {
    const cache = new EdgeCache(state, log, nowMs)
    const file = state.file(FILE)
    try {
      const text = await state.read(FILE)
      if (text !== undefined) cache.#kept = kept.parse(JSON.parse(text))
    } catch (error) {
      cache.unread = { file, why: (error as NodeJS.ErrnoException).code ?? 'it is damaged' }
      log.info({ event: 'edges.forgotten', file }, `The edge cache cannot be read: ${cache.unread.why}`)
    }
    return cache
  }

  private constructor(state: StateDir, log: Log, nowMs: () => number) {
    this.#state = state
    this.#log = log
    this.#nowMs = nowMs
    this.#kept = { version: 1, region: '', edges: [], reached: {}, worked: {} }
  }

  get edges(): readonly KnownEdge[] {
    return this.#kept.edges
  }

  get region(): string {
    return this.#kept.region
  }

  get group(): string | undefined {
    return this.#kept.group
  }

  edge(id: string): KnownEdge | undefined {
    return this.#kept.edges.find((edge) => edge.id === id)
  }

  /** How far it was when it last answered. */
  reachedUs(id: string): number | undefined {
    const found = this.#kept.reached[id]
    return found === undefined || this.#nowMs() - found.atMs > FORGET_MS ? undefined : found.rttUs
  }

  /** Where it last proved itself, and when that began: a record that leads elsewhere now was changed since. */
  lastWorked(id: string): { readonly address: string; readonly atMs: number } | undefined {
    return this.#kept.worked[id]
  }

  workedAt(id: string, address: string): void {
    if (this.#kept.worked[id]?.address === address) return
    this.#kept.worked[id] = { address, atMs: this.#nowMs() }
    this.#save()
  }

  /** The control plane has said which edges there are. */
  learn(edges: readonly KnownEdge[], { region = this.region, group = this.group } = {}): void {
    const ofThese = <T>(all: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(all).filter(([id]) => edges.some((edge) => edge.id === id)))
    const { reached, worked } = this.#kept
    const next = {
      ...this.#kept,
      region,
      group,
      edges: [...edges],
      reached: ofThese(reached),
      worked: ofThese(worked),
    }
    if (JSON.stringify(next) === JSON.stringify(this.#kept)) return
    this.#kept = next
    this.#save()
  }

  /** An edge answered. */
  reached(id: string, rttUs: number): void {
    const before = this.#kept.reached[id]
    const atMs = this.#nowMs()
    this.#kept.reached[id] = { rttUs, atMs }
    const small = before !== undefined && Math.abs(rttUs - before.rttUs) <= before.rttUs * CHANGED_SHARE
    if (small && atMs - before.atMs < WRITE_MS) this.#kept.reached[id] = before
    else this.#save()
  }

  /** What was to be written is. */
  settled(): Promise<void> {
    return this.#writing
  }

  /** One write at a time, of what is known when its turn comes. */
  #save(): void {
    this.#writing = this.#writing.then(async () => {
      try {
        await this.#state.write(FILE, `${JSON.stringify(this.#kept)}\n`)
      } catch (error) {
        const { code, detail } = asFault(error)
        this.#log.warn({ event: 'edges.not-kept', code }, `The edge cache could not be written: ${detail}`)
      }
    })
  }
}
