/**
 * The hint bus: tells other parts that something changed, so that they look sooner. Losing every message may
 * delay, never corrupt: receivers compare `policyVersion` and poll.
 *
 * @module
 */

export interface BusMessages {
  /** Objects, devices or users changed so that decisions may differ. */
  policy: { readonly version: number; readonly changed: readonly string[] }
  /** A connector, device, user or edge was changed by an admin: its live connections may have to end. */
  identity: { readonly kind: 'connector' | 'client-device' | 'user' | 'edge'; readonly id: string }
  /** A grant or certificate was revoked. */
  revoked: { readonly grants: readonly string[]; readonly serials: readonly string[] }
  /** An API token was revoked. */
  token: { readonly id: string }
  /** A session was opened, changed or closed; one message per batch. */
  session: { readonly ids: readonly string[] }
}
export type Topic = keyof BusMessages

export interface Bus {
  publish<T extends Topic>(topic: T, message: BusMessages[T]): void
  /** @returns Ends the subscription when disposed. */
  subscribe<T extends Topic>(topic: T, receive: (message: BusMessages[T]) => void): Disposable
}

/**
 * Within one process. Receivers run after the publisher's current step, in the order of subscription.
 *
 * @param onError Told what a receiver threw.
 */
export function localBus(onError: (error: unknown) => void): Bus {
  const subscriptions = new Map<Topic, Set<Subscription>>()
  return {
    publish(topic, message) {
      const among = subscriptions.get(topic)
      for (const subscription of among ?? []) {
        queueMicrotask(() => {
          if (!among?.has(subscription)) return // It ended after the message was published.
          try {
            subscription.receive(message as never)
          } catch (error) {
            onError(error) // One receiver's defect must not keep the hint from the others.
          }
        })
      }
    },
    subscribe(topic, receive) {
      const among = subscriptions.get(topic) ?? new Set()
      // An object of its own: one function may be subscribed twice.
      const subscription: Subscription = { receive }
      subscriptions.set(topic, among.add(subscription))
      return {
        [Symbol.dispose]() {
          among.delete(subscription)
        },
      }
    },
  }
}

interface Subscription {
  readonly receive: (message: never) => void
}
