/**
 * The state directory: small files that are either the old or the new content, also after a power cut.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Fault, type Hop } from './faults.ts'

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
   * Makes the directory (mode 0700) if there is none, and proves that it can be written.
   *
   * @param hop Whose directory it is, named as the owner of faults; the connector's by default.
   * @throws {Fault} STATE_UNWRITABLE naming path, errno, owner and mode; or that others can write to it.
   */
  static async open(dir: string, hop?: Hop): Promise<StateDir> {
    const state = new StateDir(path.resolve(dir), hop)
    await state.#guard(() => mkdir(state.path, { recursive: true, mode: 0o700 }))
    const { mode, uid } = await state.#guard(() => stat(state.path))
    if ((mode & 0o022) !== 0) {
      throw new Fault(
        'STATE_UNWRITABLE',
        `${state.path} can be written by others: chmod go-w ${state.path}`,
        { hop, seen: { path: state.path, mode: octal(mode), owner: uid } },
      )
    }
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

  /** Replaces the whole file, mode 0600: temporary file, fsync, rename, fsync of the directory. */
  async write(name: string, content: string): Promise<void> {
    const temporary = this.file(`.${name}.${randomBytes(6).toString('hex')}`)
    await this.#guard(async () => {
      try {
        const handle = await open(temporary, 'wx', 0o600)
        try {
          await handle.writeFile(content)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temporary, this.file(name))
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
      await this.#sync()
    })
  }

  /** Gone for good when this resolves; not there is fine. */
  async remove(name: string): Promise<void> {
    await this.#guard(async () => {
      await rm(this.file(name), { force: true })
      await this.#sync()
    })
  }

  async #sync(): Promise<void> {
    const handle = await open(this.path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw await this.#fault(error)
    }
  }

  async #fault(error: unknown): Promise<Fault> {
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    const seen: Record<string, string | number> = { path: this.path, errno, uid: process.getuid?.() ?? -1 }
    const found = await stat(this.path).catch(() => undefined)
    if (found) Object.assign(seen, { owner: found.uid, mode: octal(found.mode) })
    const code = NO_SPACE.has(errno) ? 'DISK_FULL' : 'STATE_UNWRITABLE'
    return new Fault(code, `${this.path}: ${errno}`, { cause: error, hop: this.hop, seen })
  }
}

/** Owner and mode are right, and still nothing can be written. */
const NO_SPACE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT'])

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}
