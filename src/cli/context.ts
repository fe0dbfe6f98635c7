/**
 * Which control plane the commands talk to: a small file that the server writes beside its state, mode 0600.
 *
 *     { "version": 1, "server": "https://127.0.0.1:8443", "fingerprint": "AB:CD:…", "tokenFile": "admin.token" }
 *
 * @module
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import { parseConfig } from '../base/config.ts'
import { Fault } from '../base/faults.ts'

const contextFile = z.strictObject({
  version: z.literal(1),
  /** https://HOST:PORT of an edge. */
  server: z.url({ protocol: /^https$/ }),
  /** SHA-256 of the public certificate, hex with colons. Absent: it must be one that this machine trusts. */
  fingerprint: z
    .string()
    .regex(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    .optional(),
  /** File with the API token; relative to this file. */
  tokenFile: z.string().min(1),
  /** HOST:PORT that the server bound which wrote this: what the doctor on its machine asks. */
  listen: z.string().min(3).max(300).optional(),
})
export type ContextFile = z.infer<typeof contextFile>

export interface Context {
  readonly file: string
  readonly server: string
  readonly fingerprint?: string
  readonly token: string
}

/** Where a context is looked for when none is named, in this order. */
function candidates(env: NodeJS.ProcessEnv, folder: string): string[] {
  const config = env.XDG_CONFIG_HOME || path.join(homedir(), '.config')
  return [path.join(folder, '.backstitch/context.json'), path.join(config, 'backstitch', 'context.json')]
}

/**
 * Reads the context named by `--context` or BACKSTITCH_CONTEXT, else the first that is found.
 *
 * @throws {Fault} CONTEXT_MISSING naming where it was looked for; INVALID naming file, line and column.
 */
export async function findContext(
  named: string | undefined,
  env = process.env,
  folder = process.cwd(),
): Promise<Context> {
  const files = named === undefined ? candidates(env, folder) : [path.resolve(named)]
  for (const file of files) {
    const text = await read(file)
    if (text === undefined) continue
    const { server, fingerprint, tokenFile } = parseConfig(text, { schema: contextFile, hop: 'client', file })
    const token = await read(path.resolve(path.dirname(file), tokenFile))
    if (token === undefined) {
      throw new Fault('CONTEXT_MISSING', `${file} names the token file ${tokenFile}, which does not exist`, {
        seen: { file, tokenFile },
      })
    }
    return { file, server: server.replace(/\/$/, ''), fingerprint, token: token.trim() }
  }
  throw new Fault('CONTEXT_MISSING', 'there is no context file', { seen: { looked: files } })
}

/** Writes a context, mode 0600, replaced as a whole. */
export async function writeContext(file: string, context: Omit<ContextFile, 'version'>): Promise<void> {
  await replace(file, `${JSON.stringify({ version: 1, ...context } satisfies ContextFile, null, 2)}\n`)
}

/** Writes the token that a context names, in the same way. */
export async function writeToken(file: string, token: string): Promise<void> {
  await replace(file, `${token}\n`)
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 })
  await rename(`${file}.new`, file)
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw new Fault('CONTEXT_MISSING', `${file} cannot be read: ${errno}`, { cause, seen: { file, errno } })
  }
}
