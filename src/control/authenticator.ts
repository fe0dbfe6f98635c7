import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/faults.ts'
import type { Store } from '../store/store.ts'
import { Attempts, placeOf } from './attempts.ts'
import { checkPassword, hashPassword } from './password.ts'

export interface SignIn {
  readonly name: string
  readonly password: string
  /** Address the attempt comes from. */
  readonly from: string
}

/** Who a person is. Local passwords today; a provider of single sign-on is another implementation. */
export interface Authenticator {
  /**
   * @returns The user signed in, enabled.
   * @throws {Fault} LOGIN_FAILED, RATE_LIMITED.
   */
  authenticate(attempt: SignIn): Promise<{ readonly id: string; readonly name: string }>
}

export interface LocalAuthenticatorOptions {
  readonly store: Store
  readonly clock: Clock
  /** Hashing takes 19 MiB and a core: more at once than this wait. */
  readonly atOnce?: number
  /** More waiting than this are turned away. */
  readonly queue?: number
}

/**
 * Users and passwords kept in the store. An unknown user costs the same time as a wrong password, and both get
 * the same answer.
 */
export class LocalAuthenticator implements Authenticator {
  readonly #store: Store
  readonly #byPlace: Attempts
  readonly #byUser: Attempts
  readonly #nobody = hashPassword('nobody signs in with this')
  readonly #atOnce: number
  readonly #queue: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor({ store, clock, atOnce = 4, queue = 64 }: LocalAuthenticatorOptions) {
    this.#store = store
    this.#atOnce = atOnce
    this.#queue = queue
    this.#byPlace = new Attempts({ clock, free: 10, maxWaitMs: 300_000 })
    // Many places can try one user together. The wait is short: it must not lock the user out.
    this.#byUser = new Attempts({ clock, free: 30, maxWaitMs: 10_000 })
  }

  async authenticate({ name, password, from }: SignIn): Promise<{ id: string; name: string }> {
    const place = placeOf(from)
    this.#byPlace.check(place)
    this.#byUser.check(name)
    const user = await this.#store.objects.find('user', name)
    const kept = user === undefined ? undefined : await this.#store.passwords.get(user.id)
    const nobody = await this.#nobody
    const right = await this.#inTurn(() => checkPassword(password, kept ?? nobody))
    if (user === undefined || kept === undefined || !right || !user.spec.enabled) {
      this.#byPlace.failed(place)
      this.#byUser.failed(name)
      throw new Fault('LOGIN_FAILED', `user ${name}`)
    }
    this.#byPlace.succeeded(place)
    this.#byUser.succeeded(name)
    return { id: user.id, name: user.name }
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#queue) {
        throw new Fault('RATE_LIMITED', 'too many sign-ins at once', { seen: { retryAfterS: 1 } })
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#running++
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next() // The place passes on: `#running` stays.
    }
  }
}
