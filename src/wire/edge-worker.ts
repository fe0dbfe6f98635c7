/**
 * What an edge and its workers tell each other, over the channel that node gives a child process. The edge is believed: a
 * worker has all that it has from there. What a worker says is validated, since it is the process that strangers' bytes
 * come to.
 *
 * @module
 */
import { z } from 'zod'
import type { EdgeStateMessage } from './control-message.ts'
import { type FaultMessage, faultCode, id } from './values.ts'

/** The time of the control plane as the edge knows it, when the monotonic clock of this machine showed that. */
export interface ToldTime {
  readonly nowMs: number
  readonly atUs: number
}

/** What a worker proves itself with: that of its edge. The key goes this way only: no file, no argument, no variable. */
export interface ToldIdentity {
  readonly identity: { readonly tenant: string; readonly role: 'edge'; readonly id: string }
  readonly keyPem: string
  readonly certificate: string
  readonly rootPem: string
  readonly notAfterMs: number
  readonly generation: number
}

/** A key that verifies tickets. */
export interface ToldKey {
  readonly kid: string
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}

export type EdgeWorkerOrder =
  | {
      readonly do: 'start'
      /** Which worker it is, from 1 on. */
      readonly worker: number
      readonly identity: ToldIdentity
      readonly keys: readonly ToldKey[]
      /** Serials of certificates. */
      readonly revoked: readonly string[]
      readonly time: ToldTime
      readonly handshakeMs: number
      readonly pairMs: number
      readonly draining: boolean
      /** The fields of each line of the log, and the level. */
      readonly log: { readonly level: string; readonly fields: Readonly<Record<string, unknown>> }
    }
  /** With the connection: its first bytes were read, and not one byte more. */
  | {
      readonly do: 'half'
      readonly id: number
      readonly first: Uint8Array
      readonly shard: number
      /** Who it is by the word of a balancer. */
      readonly from?: { readonly address: string; readonly port: number }
      /** Since it was accepted. */
      readonly elapsedMs: number
      readonly time: ToldTime
    }
  | { readonly do: 'identity'; readonly identity: ToldIdentity }
  | { readonly do: 'keys'; readonly keys: readonly ToldKey[] }
  /** Who is shut out; answered with how many were cut. */
  | { readonly do: 'shut-out'; readonly ask: number; readonly state: EdgeStateMessage }
  /** All pipes; answered with how many. */
  | { readonly do: 'cut'; readonly ask: number }
  /** What the shares say to what was asked. */
  | { readonly do: 'shares'; readonly answers: readonly ShareAnswer[] }
  /** No new pipes; answered when there is none left. */
  | { readonly do: 'drain' }
  | { readonly do: 'stop' }

/** Of one that may not, why. */
export type ShareAnswer = readonly [ask: number, fault?: FaultMessage]

const number = z.number().int().min(0)
const numbers = z.array(number).optional()
const milliseconds = z.number().min(0)
const shareAsks = z.array(z.tuple([number, id])).optional()

/** What has happened in one turn of a worker, and how much it has now. */
export const edgeWorkerReport = z.strictObject({
  /** It has what it needs, and takes halves. */
  ready: z.literal(true).optional(),
  /** Connections that it has a descriptor of its own of. */
  taken: numbers,
  /** Handshakes that are over, and since when they were accepted. */
  settled: z.array(z.tuple([number, milliseconds])).optional(),
  gone: numbers,
  /** Devices that have come. */
  came: shareAsks,
  /** Devices that want a pipe. */
  wants: shareAsks,
  /** Such pipes that wait no longer. */
  joined: numbers,
  /** And that are no more. */
  ended: numbers,
  refused: z.array(faultCode).optional(),
  halves: z.array(z.enum(['raw', 'wrapped'])).optional(),
  pipesJoined: number.optional(),
  pipesEnded: z
    .array(z.strictObject({ bytesAB: number, bytesBA: number, reason: z.enum(['done', 'reset']) }))
    .optional(),
  /** What an order to cut has come to. */
  cut: z.array(z.tuple([number, number])).optional(),
  drained: z.literal(true).optional(),
  pipes: number,
  waiting: number,
  /** Of its processor time since its start; once a second. */
  cpuMs: milliseconds.optional(),
})
export type EdgeWorkerReport = z.infer<typeof edgeWorkerReport>
