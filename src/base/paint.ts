/**
 * Colours that nobody can forge: until text is written they carry a mark of this process, so that whoever writes it tells
 * colours of the program from what looks like one in a stranger's text, and escapes that.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { styleText } from 'node:util'

export type Style = Parameters<typeof styleText>[0]

const MARK = randomBytes(12).toString('hex')
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const CODE = /\x1b\[(\d+)m/g
const PAINTED = new RegExp(`\\x1b\\[${MARK}:(\\d+)m`)

/** @param stream Whose terminal decides whether there is colour; without one there is. */
export function paint(style: Style, text: string, stream?: NodeJS.WriteStream): string {
  const around = styleText(style, ' ', stream === undefined ? { validateStream: false } : { stream })
  const [before = '', after = ''] = around.split(' ')
  return mark(before) + text + mark(after)
}

export type Painter = (style: Style, text: string) => string

export function painter(colour: boolean): Painter {
  return colour ? (style, text) => paint(style, text) : (_style, text) => text
}

function mark(codes: string): string {
  return codes.replaceAll(CODE, `\x1b[${MARK}:$1m`)
}

/** Text as it is written: colours as a terminal takes them, everything else as `change` makes it. */
export function written(text: string, change: (part: string) => string): string {
  return text
    .split(PAINTED)
    .map((part, at) => (at % 2 === 0 ? change(part) : `\x1b[${part}m`))
    .join('')
}

/** What stands between colours, changed; colours stay what they are. */
export function between(text: string, change: (part: string) => string): string {
  return text
    .split(PAINTED)
    .map((part, at) => (at % 2 === 0 ? change(part) : `\x1b[${MARK}:${part}m`))
    .join('')
}

export function withoutPaint(text: string): string {
  return text
    .split(PAINTED)
    .filter((_, at) => at % 2 === 0)
    .join('')
}
