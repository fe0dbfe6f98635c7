/**
 * How long each step on the way is waited for: one table, for the daemons and for whoever looks why they wait. What is
 * given up sooner than here says nothing of the other side.
 *
 * @module
 */

export const PATIENCE_MS = {
  /** An answer about the name of an edge. */
  name: 10_000,
  /** TCP, to an edge or a proxy. */
  dial: 10_000,
  /** The answer of a proxy to CONNECT. */
  proxy: 10_000,
  /** TLS with an edge, to its end. */
  handshake: 10_000,
  /** The first answer of the control plane. */
  answer: 10_000,
  /** A half of a pipe at its edge: TCP, TLS and ticket. */
  handover: 10_000,
  /** TCP from a connector to an application. */
  application: 8000,
  /** The TLS handshake of an application, and nothing in it: programs wait for longer than that. */
  applicationTls: 8000,
} as const
/** What ends well and takes longer is worth a word. */
export const SLOW_MS = 2000
export type WaitStep = keyof typeof PATIENCE_MS

/** With another edge to go to, one that is silent is not waited for longer than this. */
export const ELSEWHERE_MS = 3000
