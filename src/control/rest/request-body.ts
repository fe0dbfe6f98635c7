import type { Context } from 'hono'
import { InvalidFault, pointerOf } from '../../api/invalid.ts'
import { checkText } from '../../api/text-shape.ts'
import { Fault } from '../../base/faults.ts'
import { repeatedMember } from '../../base/json-members.ts'
import { inSlices } from '../../base/slices.ts'
import { FormFault } from './problem.ts'
import type { RestEnv } from './write.ts'

/**
 * The JSON that a request brings, whatever its schema: one text that every reader reads alike, and not too large in any
 * place of it.
 *
 * @param o.media What its Content-Type may be.
 * @param o.manyDocuments As checkText has it.
 * @throws {Fault} INVALID, with status 415 where it is said to be something else than JSON in UTF-8.
 */
export async function jsonBody(
  c: Context<RestEnv>,
  { media, manyDocuments }: { readonly media: readonly string[]; readonly manyDocuments?: boolean },
): Promise<unknown> {
  const bytes = await c.req.arrayBuffer()
  if (bytes.byteLength === 0) throw new Fault('INVALID', 'the body is empty; JSON is expected')
  checkMedia(c.req.header('content-type'), media)
  const encoding = c.req.header('content-encoding')?.trim().toLowerCase() ?? 'identity'
  if (encoding !== 'identity') {
    throw new FormFault(
      415,
      `Content-Encoding: expected none, got ${encoding.slice(0, 64)}: send the body uncompressed`,
    )
  }
  const text = textOf(bytes)
  await inSlices(checkText(text, { manyDocuments }))
  const value = parsed(text)
  const repeated = await inSlices(repeatedMember(text, value))
  if (repeated !== undefined)
    throw new InvalidFault([{ pointer: pointerOf(repeated), detail: 'this name appears twice' }])
  return value
}

function checkMedia(header: string | undefined, media: readonly string[]): void {
  const [type = '', ...parameters] = (header ?? '').split(';').map((part) => part.trim())
  if (!media.includes(type.toLowerCase())) {
    const got = type === '' ? 'none' : type.slice(0, 64)
    throw new FormFault(415, `Content-Type: expected ${media.join(' or ')}, got ${got}`)
  }
  for (const parameter of parameters) {
    const [name = '', value = ''] = parameter.split('=').map((part) => part.trim())
    const charset = value.replace(/^"(.*)"$/, '$1').toLowerCase()
    if (name.toLowerCase() === 'charset' && charset !== 'utf-8' && charset !== 'utf8') {
      throw new FormFault(
        415,
        `Content-Type: JSON must be UTF-8, got charset ${charset.slice(0, 64) || 'without a value'}`,
      )
    }
  }
}

function textOf(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Fault('INVALID', 'the body is not UTF-8', { cause })
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Fault('INVALID', `the body is not JSON: ${(cause as Error).message.slice(0, 200)}`, { cause })
  }
}
