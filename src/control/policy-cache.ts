import type { Store } from '../store/store.ts'
import { loadPolicy, type PolicySnapshot } from './snapshot.ts'

/**
 * The policy in force, read anew when its version has moved. The version is asked of the store every time, so
 * that a lost hint can never keep an old policy alive.
 */
export function policyCache(store: Store): () => Promise<PolicySnapshot> {
  let loading: Promise<PolicySnapshot> | undefined
  let current: PolicySnapshot | undefined
  return async () => {
    const version = await store.policyVersion()
    while (current === undefined || current.version < version) {
      loading ??= loadPolicy(store).finally(() => {
        loading = undefined
      })
      current = await loading
    }
    return current
  }
}
