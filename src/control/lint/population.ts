type Item = { readonly id: string }

/** Things, and which of them are in a group: looked up when somebody asks first, for as long as the things are the same. */
export class Population<One extends Item> {
  readonly #items: readonly One[]
  readonly #groupsOf: (item: One) => readonly string[]
  #ids: ReadonlySet<string> | undefined
  #groups: ReadonlyMap<string, ReadonlySet<string>> | undefined

  constructor(items: readonly One[], groupsOf: (item: One) => readonly string[]) {
    this.#items = items
    this.#groupsOf = groupsOf
  }

  has(id: string): boolean {
    this.#ids ??= new Set(this.#items.map((item) => item.id))
    return this.#ids.has(id)
  }

  in(group: string): ReadonlySet<string> {
    this.#groups ??= this.#grouped()
    return this.#groups.get(group) ?? NONE
  }

  #grouped(): ReadonlyMap<string, ReadonlySet<string>> {
    const groups = new Map<string, Set<string>>()
    for (const item of this.#items) {
      for (const group of this.#groupsOf(item)) {
        const ids = groups.get(group)
        if (ids === undefined) groups.set(group, new Set([item.id]))
        else ids.add(item.id)
      }
    }
    return groups
  }
}

const NONE: ReadonlySet<string> = new Set()
