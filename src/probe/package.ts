import { createPublicKey, verify } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { type DiskFacts, lookAtDisk } from './disk.ts'

/** What a person wants to install, named by its files. */
export interface PackageFiles {
  readonly file: string
  readonly signatureFile: string
  /** PEM, Ed25519; without it the signature cannot be judged. */
  readonly publicKeyFile?: string
}

export interface PackageFacts {
  readonly files: PackageFiles
  /** Absent where it cannot be read: then `errno` says why. */
  readonly bytes?: number
  readonly errno?: string
  /** Of the file system that the program is installed on. */
  readonly room: DiskFacts
  readonly signature: SignatureFacts
}

export type SignatureFacts =
  | { readonly is: 'good' }
  | { readonly is: 'bad' }
  /** Nobody named a key to judge by. */
  | { readonly is: 'unasked' }
  /** `NAME: ENOENT`, `NAME is no Ed25519 key`. */
  | { readonly is: 'unreadable'; readonly saw: string }

const SIGNATURE_BYTES = 64
/** Larger than any package; what is larger is none. */
const MAX_BYTES = 512 * 2 ** 20

/** @param programFolder Where the program is installed. @throws the error of the file system where it has no size. */
export async function lookAtPackage(files: PackageFiles, programFolder: string): Promise<PackageFacts> {
  const room = await lookAtDisk(programFolder)
  try {
    const { size } = await stat(files.file)
    if (size > MAX_BYTES) return { files, room, errno: 'EFBIG', signature: { is: 'unasked' } }
    const content = await readFile(files.file)
    return { files, room, bytes: size, signature: await judgeSignature(content, files) }
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN'
    return { files, room, errno, signature: { is: 'unasked' } }
  }
}

async function judgeSignature(
  content: Buffer,
  { signatureFile, publicKeyFile }: PackageFiles,
): Promise<SignatureFacts> {
  if (publicKeyFile === undefined) return { is: 'unasked' }
  const unreadable = (file: string, why: string) => ({ is: 'unreadable', saw: `${file}: ${why}` }) as const
  const errnoOf = (error: NodeJS.ErrnoException) => error.code ?? 'EUNKNOWN'
  const pem = await readFile(publicKeyFile, 'utf8').catch(errnoOf)
  if (!pem.includes('PUBLIC KEY')) return unreadable(publicKeyFile, /^E[A-Z]+$/.test(pem) ? pem : 'not PEM')
  const raw = await readFile(signatureFile).catch(errnoOf)
  if (typeof raw === 'string') return unreadable(signatureFile, raw)
  const signature = raw.length === SIGNATURE_BYTES ? raw : Buffer.from(raw.toString('latin1'), 'base64')
  if (signature.length !== SIGNATURE_BYTES) return unreadable(signatureFile, 'not an Ed25519 signature')
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType !== 'ed25519') return unreadable(publicKeyFile, 'not an Ed25519 key')
    return { is: verify(null, content, key, signature) ? 'good' : 'bad' }
  } catch {
    return unreadable(publicKeyFile, 'not an Ed25519 key')
  }
}
