/**
 * Configuration files: YAML in, a typed value out, or one Fault that names file, line and column.
 * Every role reads its file here, so that all of them refuse unknown keys in the same words.
 *
 * @module
 */
import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import type { ConfigOptions } from './config-text.ts'
import { Fault } from './faults.ts'
import { refuseStrangers } from './strangers.ts'
import { writtenText } from './written-text.ts'

/**
 * Reads a configuration file.
 *
 * @returns The value with defaults filled in; `undefined` if there is no such file.
 * @throws {Fault} INVALID naming file:line:column, what was expected and the nearest known key;
 *   INVALID naming errno if the file exists and cannot be read, or who else could change it.
 */
export async function readConfig<S extends z.ZodType>(
  file: string,
  options: ConfigOptions<S>,
): Promise<z.output<S> | undefined> {
  let bytes: Buffer
  try {
    // It names the programs, places and secrets that this user trusts.
    if (!(await refuseStrangers(file, { code: 'INVALID', hop: options.hop }))) return undefined
    bytes = await readFile(file)
  } catch (error) {
    if (error instanceof Fault) throw error
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown'
    if (errno === 'ENOENT') return undefined
    throw new Fault('INVALID', `${file} cannot be read: ${errno}`, {
      cause: error,
      hop: options.hop,
      seen: { file, errno, uid: process.getuid?.() ?? -1 },
    })
  }
  // Most commands find no file, and do not wait for what reads one.
  const { parseConfig } = await import('./config-text.ts')
  return parseConfig(writtenText(bytes), { ...options, file })
}

/**
 * As `readConfig`, with the defaults where there is no file. One that somebody named has to be there: a typing mistake
 * would else start another installation.
 *
 * @param named Of a flag or the environment.
 * @param usual Where it lies else; undefined where this user has no such place.
 */
export async function readConfigOr<S extends z.ZodType>(
  named: string | undefined,
  usual: string | undefined,
  options: ConfigOptions<S>,
): Promise<z.output<S>> {
  const file = named ?? usual
  const config = file === undefined ? undefined : await readConfig(file, options)
  if (config === undefined && file !== usual) {
    throw new Fault('INVALID', `${file} does not exist`, { hop: options.hop, seen: { file: file! } })
  }
  return config ?? options.schema.parse({})
}
