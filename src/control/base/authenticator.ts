import type { Clock } from '../../base/clock.ts'
import { FairQueue } from '../../base/fair-queue.ts'
import { Fault } from '../../base/faults.ts'
import { placeOf } from '../../link/accept/origin.ts'
import type { Repositories, Store } from '../../store/store.ts'
import { AttemptQueue, type Share } from './attempt-queue.ts'
import { FailureBudget } from './failure-budget.ts'
import { checkPassword, hashPassword } from './password.ts'

export interface SignIn {
  readonly name: string
  readonly password: string
  /** Where the attempt comes from, as of origin.ts. */
  readonly from: string
  /** An enabled device that has signed in before, and whose it is: the attempt comes with its key. */
  readonly device?: { readonly id: string; readonly userId: string }
}

/** Who a person is. Local passwords today; a provider of single sign-on is another implementation. */
export interface Authenticator {
  /**
   * @returns The user who signs in, enabled.
   * @throws {Fault} LOGIN_FAILED, RATE_LIMITED.
   */
  authenticate(attempt: SignIn): Promise<Authenticated>
}

export interface Authenticated {
  readonly id: string
  readonly name: string
  /**
   * Proving took time. Is the user enabled still, and would the proof be taken now? Asked in the transaction that rests
   * on it.
   */
  stillHolds(tx: Pick<Repositories, 'objects' | 'passwords'>): Promise<boolean>
}

export interface LocalAuthenticatorOptions {
  readonly store: Store
  readonly clock: Pick<Clock, 'monotonicUs'>
  /** How long an attempt waits for room in its budgets. */
  readonly maxTurnMs?: number
  /** How long a queue for checking passwords may be. */
  readonly maxQueueMs?: number
}

/**
 * Wrong passwords that each may try at once, and how long one more takes. That is 14 400 guesses a day at one user, from
 * all places together and at most half of them by way of one edge.
 */
const OF_USER = { free: 30, everyMs: 6000 }
const OF_PLACE = { free: 10, everyMs: 2000 }
const OF_EDGE = { free: 60, everyMs: 500 }
const OF_EDGE_AT_USER = { free: 10, everyMs: 12_000 }
const OF_DEVICE = { free: 10, everyMs: 6000 }
/** How long a wrong password makes its place wait behind others that try the same user. */
const FORGET_MS = 60_000
/** A check takes 19 MiB and a thread of the pool. Half of that: no burst of sign-ins keeps a grant waiting. */
const AT_ONCE = 2
/** Clients wait longer than both for an answer. */
const MAX_TURN_MS = 8000
const MAX_QUEUE_MS = 10_000

/**
 * Users and passwords kept in the store. An unknown user costs the same time as a wrong password, and both get
 * the same answer.
 *
 * No failure of others refuses the right password: an attempt waits for room in the budgets of its user, its place and
 * the edge that it came by, and only a wrong one spends any. A device that has signed in before has a budget of its own,
 * and comes before strangers. What strangers cannot be told apart by, they share: who floods a name from ever new addresses makes new
 * devices of that name wait.
 */
export class LocalAuthenticator implements Authenticator {
  readonly #store: Store
  readonly #nobody = hashPassword('no user signs in with this')
  readonly #byUser: FailureBudget
  readonly #byPlace: FailureBudget
  readonly #byEdge: FailureBudget
  readonly #byEdgeAtUser: FailureBudget
  readonly #byDevice: FailureBudget
  /** Of one place, or one network, at one user. Never full: it says who has tried least. */
  readonly #tried: FailureBudget
  readonly #turns: AttemptQueue
  readonly #queue: FairQueue

  constructor({
    store,
    clock,
    maxTurnMs = MAX_TURN_MS,
    maxQueueMs = MAX_QUEUE_MS,
  }: LocalAuthenticatorOptions) {
    this.#store = store
    this.#byUser = new FailureBudget({ clock, ...OF_USER })
    this.#byPlace = new FailureBudget({ clock, ...OF_PLACE })
    this.#byEdge = new FailureBudget({ clock, ...OF_EDGE })
    this.#byEdgeAtUser = new FailureBudget({ clock, ...OF_EDGE_AT_USER })
    this.#byDevice = new FailureBudget({ clock, ...OF_DEVICE })
    this.#tried = new FailureBudget({ clock, free: Number.POSITIVE_INFINITY, everyMs: FORGET_MS })
    this.#turns = new AttemptQueue(maxTurnMs)
    this.#queue = new FairQueue({ atOnce: AT_ONCE, maxWaitMs: maxQueueMs })
  }

  async authenticate(attempt: SignIn): Promise<Authenticated> {
    const { name, password, device } = attempt
    const user = await this.#store.objects.find('user', name)
    const kept = user === undefined ? undefined : await this.#store.passwords.get(user.id)
    const nobody = await this.#nobody
    const known = user !== undefined && device?.userId === user.id ? device.id : undefined
    const { place, via } = placeOf(attempt.from)
    // By name or by id it is one user.
    const who = user?.id ?? name
    const shares = known === undefined ? this.#sharesOf(attempt, who) : [this.#shareOf(known)]
    await this.#turns.take(shares)
    let isWrong = false
    try {
      // Places take turns, and an edge is one place, however many it says it speaks for.
      const check = () => checkPassword(password, kept ?? nobody)
      const isRight = await this.#queue.run(known ?? via ?? place, check, known !== undefined)
      isWrong = !(isRight && kept !== undefined && user?.spec.enabled)
      if (isWrong || user === undefined) throw new Fault('LOGIN_FAILED', `user ${name}`)
      return {
        ...{ id: user.id, name: user.name },
        async stillHolds(tx) {
          const now = await tx.objects.find('user', user.id)
          return now?.spec.enabled === true && (await tx.passwords.get(user.id)) === kept
        },
      }
    } finally {
      if (!isWrong) this.#turns.giveBack(shares)
    }
  }

  #shareOf(device: string): Share {
    return { budget: this.#byDevice, key: device, of: `from device ${device}` }
  }

  #sharesOf({ name, from }: SignIn, who: string): Share[] {
    const { place, network, via } = placeOf(from)
    const edge = via === undefined ? '' : `through edge ${via}`
    const ofEdge: Share[] = [
      { budget: this.#byEdge, key: via ?? '', of: edge },
      { budget: this.#byEdgeAtUser, key: `${via} ${who}`, of: `for user ${name} ${edge}`, tells: true },
    ]
    return [
      ...(via === undefined ? [] : ofEdge),
      { budget: this.#byPlace, key: place, of: `from ${from}` },
      { budget: this.#byUser, key: who, of: `for user ${name}` },
      { budget: this.#tried, key: `${place} ${who}`, of: '', tells: true },
      { budget: this.#tried, key: `${network} ${who}`, of: '', tells: true },
    ]
  }
}
