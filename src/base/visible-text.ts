/**
 * Text of strangers, made harmless for whoever looks at it: host names, reasons and names of devices come from other
 * machines, and a terminal obeys some characters and turns others around.
 *
 * @module
 */

/** Controls of ASCII and Latin-1 but tab and line feed; marks of direction; characters without a width. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** Hidden characters as \uXXXX. In a JSON text only strings hold such characters, so it still says the same. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, escaped)
}

/** As `visibleText`, and on one line. */
export function visibleLine(text: string): string {
  return visibleText(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
