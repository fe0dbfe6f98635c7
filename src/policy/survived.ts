/**
 * Answers that prove a way: what was sent before one of them and is not acknowledged yet need not be lost. An answer after
 * a pause proves more than one without. Pure.
 *
 * @module
 */

interface SurvivalProof {
  readonly askedMs: number
  /** Nothing had moved for so long before the question. */
  readonly idleMs: number
}

const MAX_KEPT = 16

export class Survived {
  /** Each later than the one before, and after a shorter pause. */
  readonly #proofs: SurvivalProof[] = []

  note(proof: SurvivalProof): void {
    while (this.#proofs.length > 0 && this.#proofs.at(-1)!.idleMs <= proof.idleMs) this.#proofs.pop()
    this.#proofs.push(proof)
    if (this.#proofs.length > MAX_KEPT) this.#proofs.shift()
  }

  /** Was somebody answered who asked no sooner than then, after a pause as long? */
  since(ms: number, idleMs: number): boolean {
    return this.#proofs.some((one) => one.askedMs >= ms && one.idleMs >= idleMs)
  }
}
