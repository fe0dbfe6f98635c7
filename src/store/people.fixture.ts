/** A store with a clock that stands still, and people with devices in it. */
import { OBJECT_KINDS } from '../api/kinds.ts'
import { localBus } from './bus.ts'
import type { NewDevice } from './devices.ts'
import { openStore, type Store } from './store.ts'

export const START_MS = Date.UTC(2026, 5, 1)

export interface StoreAtTime {
  readonly store: Store
  /** Moves the clock. */
  pass(ms: number): void
  /** What the bus was told, as `topic id`, since the last time it was asked. */
  told(): string[]
}

export async function storeAtTime(): Promise<StoreAtTime> {
  let nowMs = START_MS
  let heard: string[] = []
  const within = localBus((error) => {
    throw error
  })
  const store = await openStore({
    file: ':memory:',
    clock: { nowMs: () => nowMs, monotonicUs: () => (nowMs - START_MS) * 1000 },
    bus: {
      publish(topic, message) {
        heard.push('id' in message ? `${topic} ${message.id}` : topic)
        within.publish(topic, message)
      },
      subscribe: (topic, receive) => within.subscribe(topic, receive),
    },
  })
  return {
    store,
    pass(ms) {
      nowMs += ms
    },
    told() {
      const last = heard
      heard = []
      return last
    },
  }
}

export function addUser(store: Pick<Store, 'objects'>, name: string) {
  return store.objects.put({ kind: 'user', name, spec: OBJECT_KINDS.user.spec.parse({}) })
}

export function addDevice(
  store: Pick<Store, 'devices'>,
  userId: string,
  name: string,
  over: Partial<NewDevice> = {},
) {
  return store.devices.create({
    ...{ userId, publicKeyHash: `key of ${name} of ${userId}`, thumbprint: 't', serial: `serial of ${name}` },
    ...{ notAfterMs: START_MS + 86_400_000, generation: 1 },
    host: { name, platform: 'linux', program: 'test' },
    ...over,
  })
}
