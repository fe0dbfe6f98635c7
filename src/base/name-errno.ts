/** What a look-up that failed says: there is no such name; nobody could find out; nothing of names or resolvers. */
export type NameEnd = 'no-name' | 'no-answer' | 'unknown'

/** EAI_NONAME and EAI_NODATA come as ENOTFOUND: whoever was asked answered. */
const NO_NAME: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA'])

/** EAI_SYSTEM comes as the errno beneath: of these it is the way to the resolver, or the resolver. */
const NO_ANSWER: ReadonlySet<string> = new Set([
  ...['EAI_AGAIN', 'EAI_FAIL', 'ETIMEDOUT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'],
  ...['ENETUNREACH', 'EHOSTUNREACH', 'ENETDOWN', 'EHOSTDOWN', 'ENETRESET', 'EPERM', 'EACCES'],
])

/** Of an errno of getaddrinfo that is no shortage of this process: that is asked before. */
export function nameEnd(errno: string): NameEnd {
  if (NO_NAME.has(errno)) return 'no-name'
  return NO_ANSWER.has(errno) ? 'no-answer' : 'unknown'
}
