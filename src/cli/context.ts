/**
 * Which control plane the commands talk to: a small file that the server writes beside its state, mode 0600.
 *
 *     { "version": 1, "server": "https://127.0.0.1:8443", "fingerprint": "AB:CD:…", "publicKey": "EF:01:…",
 *       "tokenFile": "admin.token" }
 *
 * A token goes to no other server than the one it was made for: it lies beside the context or below, what is in
 * `admin.token.for` must be the same server, and whoever could change one of these files must be this user or root.
 *
 * @module
 */
import { lstat, readFile, realpath } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { replaceFile, writeFault } from '../base/durable-file.ts'
import { Fault } from '../base/faults.ts'
import { repeatedMember } from '../base/json-members.ts'
import { homeFolder } from '../base/own-user.ts'
import { refuseStrangers } from '../base/strangers.ts'
import { writtenText } from '../base/written-text.ts'
import type { PublicPin } from '../pki/public-pin.ts'

const sha256 = z.string().regex(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/)

const contextFile = z.strictObject({
  version: z.literal(1),
  /** https://HOST:PORT of an edge. */
  server: z.url({ protocol: /^https$/ }),
  /** SHA-256 of the public certificate, hex with colons. Absent: it must be one that this machine trusts. */
  fingerprint: sha256.optional(),
  /** SHA-256 of its public key, and of that of whoever signed it: what a renewed one is known by. */
  publicKey: sha256.optional(),
  authority: sha256.optional(),
  /** File with the API token, in the folder of this file or below; relative to it. */
  tokenFile: z.string().min(1),
  /** Unix socket beside this file, where the same server answers without its edge: tried first, never needed. */
  socket: z
    .string()
    .regex(/^[^/]+$/)
    .optional(),
  /** HOST:PORT that the server bound which wrote this: what the doctor on its machine asks. */
  listen: z.string().min(3).max(300).optional(),
})
export type ContextFile = z.infer<typeof contextFile>

export interface Context {
  readonly file: string
  readonly server: string
  /** Absent: the server shows a certificate that this machine trusts. */
  readonly pin?: PublicPin
  readonly token: string
  /** Path of a Unix socket that is tried first. */
  readonly socket?: string
}

const FOR = '.for'
/** Beside a token of the server's: which server it is for. */
const tokenServer = contextFile.pick({ server: true, fingerprint: true, publicKey: true, authority: true })
type TokenServer = z.infer<typeof tokenServer>
/** What lets more certificates pass than the fingerprint alone. */
const LOOSER = ['publicKey', 'authority'] as const satisfies (keyof PublicPin)[]

/** Where the server of this machine keeps its own, unless it was told otherwise. */
export const SERVER_FOLDER = '/var/lib/backstitch/server'
export const CONTEXT_FILE = 'context.json'

/** Where a context is looked for when none is named, in this order. */
function candidates(env: NodeJS.ProcessEnv, folder: string, serverFolder: string): string[] {
  const home = homeFolder(env)
  const config = env.XDG_CONFIG_HOME || (home && path.join(home, '.config'))
  const folders = [path.join(folder, '.backstitch'), config && path.join(config, 'backstitch'), serverFolder]
  return folders.flatMap((one) => (one ? [path.join(one, CONTEXT_FILE)] : []))
}

/**
 * Reads the context named by `--context` or BACKSTITCH_CONTEXT, else the first that is found.
 *
 * @throws {Fault} CONTEXT_MISSING naming where it was looked for; CONTEXT_REFUSED naming who else could have made it, or
 *   another server that the token is for; INVALID naming file, line and column.
 */
export async function findContext(
  named: string | undefined,
  env = process.env,
  folder = process.cwd(),
  serverFolder = SERVER_FOLDER,
): Promise<Context> {
  const files = named === undefined ? candidates(env, folder, serverFolder) : [path.resolve(named)]
  for (const file of files) {
    const text = await read(file)
    if (text === undefined) continue
    const { server, fingerprint, publicKey, authority, tokenFile, socket } = await parse(
      text,
      contextFile,
      file,
    )
    const token = await readToken(file, tokenFile, { server, fingerprint, publicKey, authority })
    return {
      ...{ file, server: server.replace(/\/$/, ''), token: token.trim() },
      ...(fingerprint !== undefined && { pin: { fingerprint, publicKey, authority } }),
      // Beside the file itself, where its name is a link to it.
      ...(socket !== undefined && { socket: path.join(path.dirname(await realpath(file)), socket) }),
    }
  }
  throw new Fault('CONTEXT_MISSING', 'there is no context file', { seen: { looked: files } })
}

/** JSON as we write it is read at once; anything else by what says line and column, loaded only then. @throws {Fault} INVALID. */
async function parse<S extends z.ZodType>(text: string, schema: S, file: string): Promise<z.output<S>> {
  try {
    const value: unknown = JSON.parse(text)
    const read = schema.safeParse(value)
    if (read.success && repeatedMember(text, value) === undefined) return read.data
  } catch {} // said below, with its place
  const { parseConfig } = await import('../base/config-text.ts')
  return parseConfig(text, { schema, hop: 'client', file })
}

/** @throws {Fault} CONTEXT_MISSING, CONTEXT_REFUSED, INVALID. */
async function readToken(file: string, tokenFile: string, to: TokenServer): Promise<string> {
  // Beside the file itself, where its name is a link to it.
  const folder = path.dirname(await realpath(file))
  const named = path.resolve(folder, tokenFile)
  const token = await read(named)
  if (token === undefined) {
    throw new Fault('CONTEXT_MISSING', `${file} names the token file ${tokenFile}, which does not exist`, {
      seen: { file, tokenFile },
    })
  }
  const real = await realpath(named)
  if (!real.startsWith(`${folder}${path.sep}`)) {
    const detail = `${file} names the token file ${tokenFile}, which is elsewhere: it must be in or below ${folder}`
    throw new Fault('CONTEXT_REFUSED', detail, { seen: { file, tokenFile: real } })
  }
  const made = await read(`${real}${FOR}`)
  if (made === undefined) return token
  const meant = await parse(made, tokenServer, `${real}${FOR}`)
  const isSame =
    meant.fingerprint === to.fingerprint &&
    LOOSER.every((name) => to[name] === undefined || to[name] === meant[name])
  if (isSame && new URL(meant.server).origin === new URL(to.server).origin) return token
  const seen = { file, server: to.server, madeFor: meant.server, fingerprint: to.fingerprint ?? 'none' }
  const differs = meant.server === to.server ? 'with another certificate' : `at ${to.server}`
  throw new Fault(
    'CONTEXT_REFUSED',
    `${file} names a server ${differs}, but its token was issued for ${meant.server}: it is not sent`,
    { seen: { ...seen, madeForFingerprint: meant.fingerprint ?? 'none' } },
  )
}

/** Writes a context, mode 0600, replaced as a whole. @throws {Fault} STATE_UNWRITABLE, DISK_FULL. */
export async function writeContext(file: string, context: Omit<ContextFile, 'version'>): Promise<void> {
  await replace(file, `${JSON.stringify({ version: 1, ...context } satisfies ContextFile, null, 2)}\n`)
}

/** Writes the token that a context names, in the same way. */
export async function writeToken(file: string, token: string): Promise<void> {
  await replace(file, `${token}\n`)
}

/** Writes down which server a token is for. */
export async function writeTokenServer(file: string, server: TokenServer): Promise<void> {
  await replace(`${file}${FOR}`, `${JSON.stringify(server, null, 2)}\n`)
}

/** What says so already is left alone: a server starts on a full disk, too. */
async function replace(file: string, text: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => undefined)
  if (before === text) return
  await replaceFile(file, text).catch((error: unknown) => {
    throw writeFault(error, file, 'control')
  })
}

async function read(file: string): Promise<string | undefined> {
  try {
    await lstat(file)
    if (!(await refuseStrangers(file, { code: 'CONTEXT_REFUSED' }))) return undefined
    return writtenText(await readFile(file))
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined
    throw new Fault('CONTEXT_MISSING', `${file} cannot be read: ${errno}`, { cause, seen: { file, errno } })
  }
}
