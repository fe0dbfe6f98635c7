import { open, readFile } from 'node:fs/promises'

const CHUNK_BYTES = 4 * 1024 * 1024

/** Whether `needle` is anywhere in the memory that a process may write: heap, buffers, stacks. Needs root. */
export async function inMemory(pid: number, needle: string): Promise<boolean> {
  const memory = await open(`/proc/${pid}/mem`)
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES + needle.length)
    for (const { from, to } of await writable(pid)) {
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const length = Math.min(chunk.length, to - at)
        // A page may go between looking and reading.
        const read = await memory.read(chunk, 0, length, at).catch(() => ({ bytesRead: 0 }))
        if (chunk.subarray(0, read.bytesRead).includes(needle)) return true
      }
    }
    return false
  } finally {
    await memory.close()
  }
}

async function writable(pid: number): Promise<{ from: number; to: number }[]> {
  const maps = await readFile(`/proc/${pid}/maps`, 'latin1')
  return [...maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw/gm)].map((match) => ({
    from: Number.parseInt(match[1]!, 16),
    to: Number.parseInt(match[2]!, 16),
  }))
}
