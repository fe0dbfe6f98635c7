import { readFileSync } from 'node:fs'

/** Whoever is refused is named, and may come a thousand times a second. */
const KNOWN_MS = 5000

/** Users of this machine that are written down in it; those of a directory service have only their number here. */
export class UserNames {
  readonly #file: string
  #known: { readonly rows: { name: string; uid: number }[]; readonly untilMs: number } | undefined

  constructor(file = '/etc/passwd') {
    this.#file = file
  }

  /** The number of a user by name, or by number. */
  uidOf(user: string): number | undefined {
    if (/^(0|[1-9]\d{0,9})$/.test(user)) return Number(user)
    return this.#rows().find(({ name }) => name === user)?.uid
  }

  /** `ann (uid 1000)`, or the number alone. */
  show(uid: number): string {
    const name = this.#rows().find((row) => row.uid === uid)?.name
    return name === undefined ? `uid ${uid}` : `${name} (uid ${uid})`
  }

  #rows(): { name: string; uid: number }[] {
    if (this.#known === undefined || performance.now() >= this.#known.untilMs) {
      this.#known = { rows: this.#read(), untilMs: performance.now() + KNOWN_MS }
    }
    return this.#known.rows
  }

  #read(): { name: string; uid: number }[] {
    try {
      return readFileSync(this.#file, 'utf8')
        .split('\n')
        .flatMap((line) => {
          const [name, , uid] = line.split(':')
          return name && uid && /^\d+$/.test(uid) ? [{ name, uid: Number(uid) }] : []
        })
    } catch {
      return []
    }
  }
}
