import type { FactName, Facts, FactTable } from './facts.ts'
import type { Patient } from './patient.ts'

/** Facts as they come in; whoever waits for a verdict is told of each. */
export class Gathering {
  readonly #patient: Patient
  readonly #known: Partial<Record<FactName, unknown>> = {}
  readonly #unknown: Partial<Record<FactName, string>> = {}
  readonly #failed = new Set<FactName>()
  readonly #pending: Set<FactName>
  readonly #onFact: () => void

  /** @param awaited Every fact that will be looked for, so that no verdict comes too early. */
  constructor(patient: Patient, awaited: readonly FactName[], onFact: () => void) {
    this.#patient = patient
    this.#pending = new Set(awaited)
    this.#onFact = onFact
  }

  /** @returns What was found, or nothing; what a look throws is why the fact is unknown, and goes no further. */
  async look<Name extends FactName>(
    name: Name,
    work: Promise<FactTable[Name] | undefined>,
    absent = 'not applicable here',
  ): Promise<FactTable[Name] | undefined> {
    try {
      const found = await work
      if (found === undefined) this.miss(absent, name)
      else this.have(name, found)
      return found
    } catch (error) {
      this.#fail((error as Error).message, name)
      return undefined
    }
  }

  have<Name extends FactName>(name: Name, fact: FactTable[Name]): void {
    if (!this.#pending.delete(name)) return // too late: it has been given up
    this.#known[name] = fact
    this.#onFact()
  }

  miss(why: string, ...names: readonly FactName[]): void {
    const missed = names.filter((name) => this.#pending.delete(name))
    for (const name of missed) this.#unknown[name] = why
    if (missed.length > 0) this.#onFact()
  }

  #fail(why: string, ...names: readonly FactName[]): void {
    for (const name of names) if (this.#pending.has(name)) this.#failed.add(name)
    this.miss(why, ...names)
  }

  /** The time is over. */
  giveUp(why: string): void {
    this.#fail(why, ...this.#pending)
  }

  facts(): Facts {
    return {
      patient: this.#patient,
      nowMs: Date.now(),
      known: { ...this.#known } as Partial<FactTable>,
      unknown: { ...this.#unknown },
      failed: new Set(this.#failed),
      pending: new Set(this.#pending),
    }
  }
}
