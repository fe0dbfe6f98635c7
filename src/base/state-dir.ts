/**
 * The state directory: small files, each the old or the new content, and faults that say why one cannot be written.
 *
 * @module
 */
import { mkdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { replaceFile, syncFolder, writeFault } from './durable-file.ts'
import { Fault, type Hop } from './faults.ts'
import { refuseStrangers } from './strangers.ts'

export class StateDir {
  readonly path: string
  /** Whose it is; the connector's by default. */
  readonly hop: Hop | undefined

  private constructor(dir: string, hop?: Hop) {
    this.path = dir
    this.hop = hop
  }

  /** For whoever only looks: nothing is made, and nothing is proved. */
  static at(dir: string, hop?: Hop): StateDir {
    return new StateDir(path.resolve(dir), hop)
  }

  /**
   * Makes the directory (mode 0700) if there is none, and proves that it can be written, and by nobody else.
   *
   * @param hop Whose directory it is, named as the owner of faults; the connector's by default.
   * @throws {Fault} STATE_UNWRITABLE naming path, errno, owner and mode; or who else could change what is in it.
   */
  static async open(dir: string, hop?: Hop): Promise<StateDir> {
    const state = new StateDir(path.resolve(dir), hop)
    const refused = { code: 'STATE_UNWRITABLE', hop } as const
    await refuseStrangers(state.path, refused) // before anything is made for them
    await state.#guard(() => mkdir(state.path, { recursive: true, mode: 0o700 }))
    if (!(await refuseStrangers(state.path, refused))) throw await state.#fault({ code: 'ENOENT' })
    await state.write('.probe', '')
    await state.remove('.probe')
    return state
  }

  file(name: string): string {
    return path.join(this.path, name)
  }

  /** @returns `undefined` if there is no such file. @throws {Fault} STATE_UNWRITABLE if it cannot be read. */
  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.file(name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw await this.#fault(error)
    }
  }

  /** Replaces the whole file, mode 0600, durable when this resolves. */
  async write(name: string, content: string): Promise<void> {
    await this.#guard(() => replaceFile(this.file(name), content))
  }

  /** Gone for good when this resolves; not there is fine. */
  async remove(name: string): Promise<void> {
    await this.#guard(async () => {
      await rm(this.file(name), { force: true })
      await syncFolder(this.path)
    })
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw await this.#fault(error)
    }
  }

  async #fault(error: unknown): Promise<Fault> {
    const { code, detail, seen, hop } = writeFault(error, this.path, this.hop)
    const found = await stat(this.path).catch(() => undefined)
    const whose = found && { owner: found.uid, mode: octal(found.mode) }
    return new Fault(code, detail, {
      ...{ cause: error, hop },
      seen: { ...seen, uid: process.getuid?.() ?? -1, ...whose },
    })
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
