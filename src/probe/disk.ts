import { statfs } from 'node:fs/promises'
import path from 'node:path'

export interface DiskFacts {
  /** The folder asked about, or the nearest one above it that exists. */
  readonly path: string
  readonly freeBytes: number
  readonly totalBytes: number
  /** Absent where the file system counts none. */
  readonly freeInodes?: number
}

/** Space for this user, without the part that is kept for root. @throws the error of the file system. */
export async function lookAtDisk(folder: string): Promise<DiskFacts> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    try {
      const { bavail, blocks, bsize, ffree, files } = await statfs(at)
      return {
        path: at,
        freeBytes: bavail * bsize,
        totalBytes: blocks * bsize,
        freeInodes: files > 0 ? ffree : undefined,
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || at === path.dirname(at)) throw error
    }
  }
}
