/** A connector whose clock stands until the test lets it go on, and users who come one after the other. */
import { setImmediate as immediate } from 'node:timers/promises'
import { newId } from '../../base/ids.ts'
import { openTunnel, type TunnelFixture } from './tunnel.fixture.ts'

export const USERS = { ada: newId('usr'), bob: newId('usr'), eve: newId('usr') } as const
export type User = keyof typeof USERS

export async function untilSeen(ready: () => boolean): Promise<void> {
  while (!ready()) await immediate()
}

export interface SilenceStage {
  readonly tunnel: TunnelFixture
  /** Seconds, each with its look. */
  readonly pass: (s: number) => void
  /** What control was told of applications, in turn. */
  readonly words: () => string[]
}

export async function openStage(o: Parameters<typeof openTunnel>[0] = {}): Promise<SilenceStage> {
  let nowMs = 1_000_000
  const tunnel = await openTunnel({
    ...o,
    lookup: async () => [{ address: '127.0.0.1' }],
    now: () => nowMs,
  })
  const pass = (s: number) => {
    for (let second = 0; second < s; second++) {
      nowMs += 1000
      tunnel.silence.look()
    }
  }
  const words = () =>
    tunnel.told.flatMap((message) => (message.type === 'reach' ? [message.fault?.code ?? 'well'] : []))
  return { tunnel, pass, words }
}
