/**
 * What is made out of something, part by part: a part is made anew only where what it is made of is not the very same
 * as before.
 */
export class Derivation {
  readonly #before: ReadonlyMap<string, Part>
  readonly #parts = new Map<string, Part>()

  constructor(before?: Derivation) {
    this.#before = before === undefined ? new Map() : before.#parts
  }

  /** @param make Pure: of `from`, and nothing else. */
  async part<Made>(name: string, from: readonly unknown[], make: () => Promise<Made>): Promise<Made> {
    const before = this.#before.get(name)
    const same = before?.from.every((one, at) => one === from[at]) ?? false
    const part = same ? before! : { from, made: await make() }
    this.#parts.set(name, part)
    return part.made as Made
  }
}

interface Part {
  readonly from: readonly unknown[]
  readonly made: unknown
}
