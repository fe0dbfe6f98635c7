/**
 * Text of strangers, made harmless for whoever looks at it: host names, reasons and names of devices come from other
 * machines, and a terminal obeys some characters, turns others around, and shows nothing for more.
 *
 * @module
 */

/** Text without any other character is harmless: nearly all. */
const PLAIN = /^[\t\n\x20-\x7e]*$/
/**
 * Controls but tab and line feed; marks of direction and format; separators of lines; halves of pairs; whatever is there and is
 * not shown, but what picks the form of an emoji.
 */
const HIDDEN =
  /(?!\t|\n|\ufe0e|\ufe0f)[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2028\u2029]/gu
/** More marks on one letter than any language has run over the lines above and below. */
const PILED = /(?<=\p{M}{4})\p{M}/gu

/** Hidden characters as \uXXXX. In a JSON text only strings hold such characters, so it still says the same. */
export function visibleText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(HIDDEN, escaped).replace(PILED, escaped)
}

/** As `visibleText`, and on one line. */
export function visibleLine(text: string): string {
  return visibleText(text).replaceAll('\n', '\\n').replaceAll('\t', '\\t')
}

/** Every text in a value, names of fields included, on one line each: for a view that people read. */
export function shown<Value>(value: Value): Value
export function shown(value: unknown): unknown {
  if (typeof value === 'string') return visibleLine(value)
  if (Array.isArray(value)) return value.map((one) => shown(one))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [visibleLine(name), shown(one)]))
}

function escaped(character: string): string {
  let text = ''
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
  }
  return text
}
