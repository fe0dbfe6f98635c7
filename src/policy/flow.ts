/**
 * One flow of datagrams by what it carries, looked at from time to time: was it answered, or has it asked in vain for so
 * long that it counts? Nobody says when he stops waiting for a datagram, so whoever got nothing for as long as others
 * wait has waited in vain; once anything came back, what is last may need no answer. Pure.
 *
 * @module
 */
import type { AnswerRule } from './answer-rule.ts'
import type { Moved } from './exchange.ts'
import type { GivenUp, Tally } from './silence.ts'

export class Flow {
  readonly #tally: Tally
  readonly #rule: AnswerRule
  readonly #user: string
  #askedMs: number | undefined
  #isAnswered = false
  #down = 0
  #isLate = false
  #counted = false

  constructor(tally: Tally, rule: AnswerRule, user: string) {
    this.#tally = tally
    this.#rule = rule
    this.#user = user
  }

  /** The application has answered, whether or not that gets through to whoever asked. */
  answered(nowMs: number): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    // As a whole: an outage leaves many flows without an answer, and says no more of the rule than one.
    if (this.#tally.someGaveUp) this.#rule.passedOver()
    this.#rule.answered(this.#user)
    this.#tally.answered(nowMs, { bytes: 0, idleMs: 0, tookMs: nowMs - (this.#askedMs ?? nowMs) })
  }

  /** @returns What is to be counted of it, once. */
  look({ up, down }: Pick<Moved, 'up' | 'down'>, nowMs: number): GivenUp | undefined {
    if (up > 0) this.#askedMs ??= nowMs
    if (this.#isAnswered) {
      if (down > this.#down) this.#tally.answered(nowMs, { bytes: down - this.#down, idleMs: 0, tookMs: 0 })
      this.#down = down
      return undefined
    }
    const askedMs = this.#askedMs ?? nowMs
    if (this.#counted || nowMs - askedMs < this.#tally.patienceMs) return undefined
    // Of a process that stood still the clock has gone on, and an answer may be there, unread: the next look knows.
    const wasLate = this.#isLate
    this.#isLate = true
    if (!wasLate || !this.#rule.expects(this.#user)) return undefined
    this.#counted = true
    const { answeredMs } = this.#tally
    if (answeredMs === undefined || answeredMs < askedMs)
      return { user: this.#user, askedMs, endedMs: nowMs, upBytes: up }
    this.#rule.passedOver()
    return undefined
  }
}
