/**
 * Takes secrets out of text that is to be given to others, and says what was taken out where.
 *
 * What is looked for is what Backstitch itself writes or reads: its keys and tokens, PEM, signed grants, headers,
 * passwords in addresses and in settings. It errs towards taking out: a text that merely looks like a secret goes, too.
 *
 * @module
 */

/** What was taken out. */
export type SecretKind =
  | 'private key'
  | 'provisioning key'
  | 'api token'
  | 'signed token'
  | 'password hash'
  | 'secret of 32 bytes'
  | 'authorization'
  | 'cookie'
  | 'password in an address'
  | 'secret setting'
  | 'user name'

export interface Redaction {
  readonly kind: SecretKind
  /** In the text that came out, counted from 1. */
  readonly line: number
}

export interface RedactOptions {
  /** Names of people to take out, too, as whole words. */
  readonly names?: readonly string[]
}

type RedactRule = readonly [kind: SecretKind, pattern: RegExp, replacement: string]

/** Names with such a word in them, and names that are, or end with, one that is a secret only as a whole. */
const NAME_OF_SECRET =
  '(?:[\\w.-]{0,64}(?:passw(?:or)?d|passphrase|secret|api[_-]?key|private[_-]?key|master[._-]?key|(?:access|auth|api|bearer|refresh|session)[_-]?token)[\\w-]{0,64}|(?:[\\w.-]{0,64}[_.-])?(?:token|pwd|pass|proxyAuth))'
/** One that does not end takes its line with it. */
const QUOTED = "\"(?:[^\"\\\\\\n]|\\\\.)*\"|'(?:[^'\\n]|'')*'|[\"'][^\\n]*"
/** What YAML takes for one text: all lines that are further in. */
const BLOCK = '[|>][-+\\d]{0,2}[ \\t]*\\n(?:[ \\t]+[^\\n]*(?:\\n|$(?![\\s\\S])))+'

/** In this order: what holds other secrets goes first, whole. */
const RULES: readonly RedactRule[] = [
  // An end that was cut off takes all that follows with it.
  [
    'private key',
    /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$(?![\s\S]))/g,
    '',
  ],
  ['private key', /("(?:d|k|p|q|dp|dq|qi)"\s*:\s*)"[A-Za-z0-9_-]{20,}"/g, '$1'],
  ['provisioning key', /\b\d+\|[^\s|"']{1,300}\|[A-Za-z0-9_-]{20,}/g, ''],
  ['api token', /\bbst_[A-Za-z0-9_-]{10,}/g, ''],
  ['signed token', /\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*\.?[A-Za-z0-9_-]*\.?[A-Za-z0-9_.-]*/g, ''],
  ['password hash', /\$argon2(?:id|i|d)\$[^\s"']+/g, ''],
  // 32 bytes: what a master key looks like, wherever it stands.
  ['secret of 32 bytes', /(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g, ''],
  ['cookie', /((?:set-)?cookie["']?\s*[:=]\s*)(?:"(?:[^"\\\n]|\\.)*"|[^\n]+)/gi, '$1'],
  ['authorization', /((?:proxy-)?authorization["']?\s*[:=]\s*)(?:"(?:[^"\\\n]|\\.)*"|[^\n"',}]+)/gi, '$1'],
  ['authorization', /\b((?:Basic|Bearer)\s+)[A-Za-z0-9+/_.=-]{8,}/g, '$1'],
  ['password in an address', /(\b[a-z][a-z0-9+.-]{0,32}:\/\/[^\s/:@"']{0,256}:)[^\s"']{1,512}(?=@)/gi, '$1'],
  // USER:PASSWORD@HOST:PORT, the form of a proxy file.
  [
    'password in an address',
    /(^|[\s"'=])([^\s:/@"'=]{1,256}:)[^\s/@"']{1,512}(?=@[\w.[\]:-]{1,260}:\d{1,5}\b)/gm,
    '$1$2',
  ],
  [
    'secret setting',
    new RegExp(
      `((?:^|[^\\w.-])["']?${NAME_OF_SECRET}["']?\\s*[:=]\\s*)(?:${BLOCK}|${QUOTED}|(?![[{|>"'\\s])[^\\s,}]+)`,
      'gim',
    ),
    '$1',
  ],
]

const MARK = /\[REDACTED ([a-z0-9 ]+)\]/g

/** Taken out twice is taken out once: what is left of it is no secret. */
export function redact(
  text: string,
  { names = [] }: RedactOptions = {},
): { readonly text: string; readonly removed: readonly Redaction[] } {
  let left = text
  for (const [kind, pattern, kept] of RULES) {
    left = left.replace(pattern, (whole, ...groups: unknown[]) => {
      if (whole.includes('[REDACTED ')) return whole
      const before = kept.replace(/\$(\d)/g, (_ref, number: string) =>
        String(groups[Number(number) - 1] ?? ''),
      )
      return `${before}${mark(kind)}`
    })
  }
  for (const name of names.filter((one) => one !== '')) {
    const word = new RegExp(`(?<![\\w.-])${escaped(name)}(?![\\w-])`, 'g')
    left = left.replace(word, mark('user name'))
  }
  return { text: left, removed: removedFrom(left) }
}

function mark(kind: SecretKind): string {
  return `[REDACTED ${kind}]`
}

function removedFrom(text: string): Redaction[] {
  return text
    .split('\n')
    .flatMap((content, at) =>
      [...content.matchAll(MARK)].map(([, kind]) => ({ kind: kind as SecretKind, line: at + 1 })),
    )
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
