/**
 * What commands write: data on stdout, talk on stderr, colour only where a terminal shows it and NO_COLOR is unset.
 *
 * @module
 */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Data for people. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Data for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** Anything that is not the answer. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
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
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is removed
  return text.replaceAll(/\x1b\[\d+m/g, '')
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
