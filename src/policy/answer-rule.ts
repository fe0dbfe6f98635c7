/**
 * A datagram needs no answer, so a flow that gets none says something only where answers are the rule: whoever asks was
 * answered there before, and those who were are hardly ever passed over while others are answered. What goes one way for
 * ever, as syslog does, has no such rule. Pure.
 *
 * @module
 */

/** Remembered; whoever was answered first is forgotten first. */
const MAX_USERS = 1000
/** Answered flows that make a rule. */
const LEAST_ANSWERED = 3
/** Flows that were answered, for each that was passed over: below that it is a matter of what is asked. */
const ANSWERED_FOR_PASSED_OVER = 10

/** Of one application that takes datagrams. */
export class AnswerRule {
  readonly #users = new Set<string>()
  #answered = 0
  #passedOver = 0

  /** A flow had its first answer. */
  answered(user: string): void {
    this.#answered++
    this.#users.delete(user)
    this.#users.add(user)
    if (this.#users.size > MAX_USERS) this.#users.delete(this.#users.values().next().value!)
  }

  /** A flow got nothing, and others did that asked no sooner. */
  passedOver(): void {
    this.#passedOver++
  }

  /** A flow of this user that gets nothing has asked in vain. */
  expects(user: string): boolean {
    const least = Math.max(LEAST_ANSWERED, this.#passedOver * ANSWERED_FOR_PASSED_OVER)
    return this.#users.has(user) && this.#answered >= least
  }
}
