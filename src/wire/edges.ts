/** Edges as they travel: who there is, who reaches which, and what a remote edge has to know. */
import { z } from 'zod'
import { MAX_OWN_NOTES, note } from './notes.ts'
import { faultMessage, host, id, microseconds, port } from './values.ts'

export const MAX_EDGES = 64
/** Serials or ids in one `edge-state`. */
export const MAX_STATE_IDS = 1500

/** An edge that agents may use now. */
export const knownEdge = z.strictObject({
  id,
  name: z.string().max(128),
  /** Empty: not said. */
  region: z.string().max(64),
  host,
  port,
  /** Fixed addresses; none: the name is resolved. */
  addresses: z.array(z.string().max(45)).max(16).optional(),
  /** A second port for control connections only. */
  controlPort: port.optional(),
  /** It takes nobody now: it drains, or is not connected to the control plane. */
  out: z.enum(['draining', 'away']).optional(),
})
export type KnownEdge = z.infer<typeof knownEdge>

/** How far an edge is from an agent: no time means not reached, and the fault says why. */
export const seenEdge = z.strictObject({
  edge: id,
  rttUs: microseconds.optional(),
  fault: faultMessage.optional(),
})
export type SeenEdge = z.infer<typeof seenEdge>

/** Agents tell after every welcome, every 60 s and on change. Replaces what was told before. */
export const edgesSeen = z.strictObject({
  type: z.literal('edges'),
  seen: z.array(seenEdge).max(MAX_EDGES),
})

/** A remote edge tells after every welcome, every 30 s and on change. */
export const edgeStatus = z.strictObject({
  type: z.literal('edge-status'),
  state: z.enum(['serving', 'draining']),
  pipes: z.number().int().min(0),
  connections: z.number().int().min(0),
  /** Connections that it passes on to the home edge. */
  relayed: z.number().int().min(0),
  /** A second port where it listens for control connections only. */
  controlPort: port.optional(),
  /** What it serves in spite of; none where it says none. */
  notes: z.array(note).max(MAX_OWN_NOTES).optional(),
})

/** To agents, when the list of the welcome has changed. */
export const edgesKnown = z.strictObject({
  type: z.literal('edges'),
  edges: z.array(knownEdge).max(MAX_EDGES),
})

/** To remote edges, behind every welcome and on change: who is shut out. */
export const edgeState = z.strictObject({
  type: z.literal('edge-state'),
  /** Replaces what was known; else `revoked` is added to it. */
  whole: z.boolean(),
  /** Serials of revoked certificates. */
  revoked: z.array(z.string().max(64)).max(MAX_STATE_IDS),
  /** Agents whose pipes are to be cut now. */
  ended: z.array(id).max(MAX_STATE_IDS),
})
