import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { succeed } from './program.ts'

/**
 * A file system of its own under a folder of a machine, small enough to be full: a file that is mounted.
 * Programs see it that are started afterwards; the folder keeps what it had, with owners and modes.
 */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string
  readonly #image: string

  /** @param inodes Fewer than usual, to run out of them and not of space. */
  static async under(folder: string, o: { bytes: number; inodes?: number }): Promise<SmallDisk> {
    const disk = new SmallDisk(folder)
    const { uid, gid, mode } = statSync(folder)
    writeFileSync(disk.#image, '')
    truncateSync(disk.#image, o.bytes)
    const inodes = o.inodes === undefined ? [] : ['-N', String(o.inodes)]
    // Root keeps nothing back for itself, and no block goes to a journal or is kept for extents.
    await succeed(['mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal,^extent,^64bit', ...inodes, disk.#image])
    const before = `${folder}.before`
    cpSync(folder, before, { recursive: true, preserveTimestamps: true, filter: isFile })
    await succeed(['mount', '-o', 'loop', disk.#image, folder])
    rmSync(path.join(folder, 'lost+found'), { recursive: true, force: true })
    await succeed(['cp', '-a', `${before}/.`, folder])
    rmSync(before, { recursive: true, force: true })
    await succeed(['chown', '-R', `${uid}:${gid}`, folder])
    chownSync(folder, uid, gid)
    chmodSync(folder, mode & 0o7777)
    return disk
  }

  private constructor(folder: string) {
    this.#folder = folder
    this.#image = `${folder}.disk`
    mkdirSync(folder, { recursive: true })
  }

  /** A file that takes every block that is left. */
  async fill(): Promise<void> {
    // In large pieces first, then what is too little for those.
    const zeros = (size: string) => `dd if=/dev/zero bs=${size} status=none >> ${this.#filler}`
    await succeed(['sh', '-c', `${zeros('64k')}; ${zeros('1k')}; test -s ${this.#filler}`])
  }

  /** Files until no inode is left. */
  async fillInodes(): Promise<void> {
    mkdirSync(this.#filler)
    await succeed(['sh', '-c', `i=0; while true > ${this.#filler}/$i; do i=$((i+1)); done 2>/dev/null; true`])
  }

  free(): void {
    rmSync(this.#filler, { recursive: true, force: true })
  }

  get #filler(): string {
    return path.join(this.#folder, 'filler')
  }

  /** What it holds is gone with it, but for what the folder had before. */
  async [Symbol.asyncDispose](): Promise<void> {
    await succeed(['umount', '--lazy', this.#folder])
    rmSync(this.#image, { force: true })
  }
}

function isFile(source: string): boolean {
  const found = statSync(source, { throwIfNoEntry: false })
  return found !== undefined && !found.isSocket()
}
