/**
 * Lines of a stream, split at line feeds and nowhere else: within a JSON text there may be U+2028, where `readline` ends a
 * line, too.
 *
 * @param tooLong What is thrown of a line that has more than `maxBytes`.
 */
export async function* linesOf(
  stream: AsyncIterable<Buffer>,
  maxBytes: number,
  tooLong: () => Error,
): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let bytes = 0
  for await (const part of stream) {
    let rest = part
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8')
      parts = []
      bytes = 0
      rest = rest.subarray(end + 1)
    }
    bytes += rest.length
    if (bytes > maxBytes) throw tooLong()
    if (rest.length > 0) parts.push(rest)
  }
  if (parts.length > 0) yield Buffer.concat(parts).toString('utf8')
}
