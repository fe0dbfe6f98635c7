import { accessSync, constants } from 'node:fs'
import path from 'node:path'

const SERVICE_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Absolute path of a program, also where only root or a service looks for it. @param more Folders that are on no PATH. */
export function findProgram(program: string, more: readonly string[] = []): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '')
  return [...folders, ...SERVICE_FOLDERS, ...more]
    .map((folder) => path.join(folder, program))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
