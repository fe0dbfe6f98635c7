import { stat } from 'node:fs/promises'

/** Changes when somebody makes, writes, replaces or removes the file, or changes its owner or mode. */
export async function fileStamp(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined)
  return found === undefined ? 'none' : `${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`
}
