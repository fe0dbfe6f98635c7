/**
 * What commands write: data on stdout, talk on stderr, colour only where a terminal shows it and NO_COLOR is unset.
 *
 * @module
 */
import { styleText } from 'node:util'
import { visibleLine, visibleText } from '../base/visible-text.ts'

/** Escape sequences of colours, kept by `split`. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const COLOUR = /(\x1b\[\d+m)/

type Style = Parameters<typeof styleText>[0]

/** Data for people. */
export function print(text: string): void {
  process.stdout.write(`${harmless(text)}\n`)
}

/** Data for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${visibleText(JSON.stringify(value, null, 2))}\n`)
}

/** Anything that is not the answer. */
export function say(text: string): void {
  process.stderr.write(`${harmless(text)}\n`)
}

/** What others have named is shown as it is written, not obeyed; colours are ours. */
function harmless(text: string): string {
  return text
    .split(COLOUR)
    .map((part, at) => (at % 2 === 0 ? visibleText(part) : part))
    .join('')
}

/** The same for a value that must not begin a line of its own. */
export function inLine(text: string): string {
  return text
    .split(COLOUR)
    .map((part, at) => (at % 2 === 0 ? visibleLine(part) : part))
    .join('')
}

/** Colour for text that goes to `stream`; styleText looks at NO_COLOR, FORCE_COLOR and whether it is a terminal. */
export function style(name: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(name, text, { stream })
}

/** Columns separated by two spaces, as wide as their widest cell; the last is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => width(row[column]!))),
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === cells.length - 1 ? cell : cell + ' '.repeat(widths[column]! - width(cell)),
      )
      .join('  ')
  return [style('dim', line(head)), ...rows.map(line)].join('\n')
}

/** Characters on the screen: without colour codes. */
function width(text: string): number {
  return [...stripColour(text)].length
}

function stripColour(text: string): string {
  return text
    .split(COLOUR)
    .filter((_, at) => at % 2 === 0)
    .join('')
}

const STATE_STYLES: Readonly<Record<string, Style>> = {
  healthy: 'green',
  connected: 'green',
  usable: 'green',
  open: 'green',
  done: 'dim',
  degraded: 'yellow',
  draining: 'yellow',
  disconnected: 'red',
  disabled: 'red',
}

/** A state in the colour of how good it is. */
export function stateText(state: string): string {
  const name = STATE_STYLES[state]
  return name === undefined ? state : style(name, state)
}
