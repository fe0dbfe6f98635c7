/** What one edge allows. The defaults suit a machine of 4 GB with agents behind large NATs. */
export interface EdgeLimits {
  /** Connections of one address (IPv6: of one /64). */
  readonly connectionsPerAddress: number
  /** Of those, handshakes not finished. */
  readonly handshakesPerAddress: number
  readonly connections: number
  /** From accept to the end of the handshake, in milliseconds; for a pipe to its ACK. */
  readonly handshakeMs: number
  /** For the whole header of an HTTP request, in milliseconds. */
  readonly headersMs: number
  /** A half of a pipe waits this long for the other, in milliseconds. */
  readonly pairMs: number
}

export const DEFAULT_LIMITS: EdgeLimits = {
  connectionsPerAddress: 8192,
  handshakesPerAddress: 512,
  connections: 65_536,
  handshakeMs: 10_000,
  headersMs: 10_000,
  pairMs: 10_000,
}
