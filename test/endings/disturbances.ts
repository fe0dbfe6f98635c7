/**
 * The ways to end that only Backstitch has: a part of it dies, or takes the session away.
 *
 * @module
 */
import type { FaultCode } from '../../src/base/faults.ts'
import type { World } from './world.ts'

export interface Disturbance {
  readonly name: string
  /** Why records say that sessions ended; absent: every one comes to its own end. */
  readonly reason?: FaultCode
  /** Killed, without a word to anybody. */
  readonly dead?: readonly ('client' | 'connector')[]
  happen(world: World): Promise<void>
  /** The installation is whole again afterwards. */
  restore(world: World): Promise<void>
}

export const DISTURBANCES: readonly Disturbance[] = [
  {
    name: 'tunnel lost',
    reason: 'TUNNEL_LOST',
    async happen({ network }) {
      network.cutPipes()
    },
    async restore() {},
  },
  {
    name: 'revocation',
    reason: 'GRANT_REVOKED',
    happen: (world) => world.allow(false),
    restore: (world) => world.allow(true),
  },
  {
    name: 'drain',
    async happen(world) {
      world.drainConnector()
    },
    async restore(world) {
      await world.connectorGone()
      await world.startConnector()
    },
  },
  {
    name: 'connector killed',
    reason: 'TUNNEL_LOST',
    dead: ['connector'],
    happen: (world) => world.killConnector(),
    restore: (world) => world.startConnector(),
  },
  {
    name: 'client killed',
    reason: 'TUNNEL_LOST',
    dead: ['client'],
    happen: (world) => world.killClient(),
    restore: (world) => world.startClient(),
  },
  {
    name: 'edge killed',
    reason: 'TUNNEL_LOST',
    happen: (world) => world.killEdge(),
    restore: (world) => world.startEdge(),
  },
]
