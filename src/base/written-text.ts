export type WrittenIn = 'utf-8' | 'utf-16le' | 'utf-16be'

/** What begins with the mark of UTF-16 is that, and so is what begins with half a letter: every file here begins in ASCII. */
export function writtenIn([first, second]: Uint8Array): WrittenIn {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  if (first === 0xfe && second === 0xff) return 'utf-16be'
  if (first !== undefined && first !== 0 && second === 0) return 'utf-16le'
  return first === 0 && second !== undefined && second !== 0 ? 'utf-16be' : 'utf-8'
}

/**
 * Text of a file that a person wrote, in whatever form the editor saved it: a byte order mark is no part of the text, and
 * UTF-16 is read, as some programs of Windows write it.
 */
export function writtenText(bytes: Uint8Array): string {
  return new TextDecoder(writtenIn(bytes)).decode(bytes)
}
