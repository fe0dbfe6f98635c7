/**
 * What is made out of something, part by part: a part is made anew only where what it is made of is not the very same
 * as before.
 */
export class Derivation {
  readonly #before: ReadonlyMap<string, DerivedPart>
  readonly #parts = new Map<string, DerivedPart>()

  constructor(before?: Derivation) {
    this.#before = before === undefined ? new Map() : before.#parts
  }

  /** @param make Pure: of `from`, and nothing else; the part of before may only save it work. */
  async part<const From extends readonly unknown[], Made>(
    name: string,
    from: From,
    make: (before: DerivedPart<From, Made> | undefined) => Promise<Made>,
  ): Promise<Made> {
    const before = this.#before.get(name) as DerivedPart<From, Made> | undefined
    const same = before?.from.every((one, at) => one === from[at]) ?? false
    const part = same ? before! : { from, made: await make(before) }
    this.#parts.set(name, part)
    return part.made
  }
}

/** What was made, and of what. */
export interface DerivedPart<From extends readonly unknown[] = readonly unknown[], Made = unknown> {
  readonly from: From
  readonly made: Made
}
