/**
 * What commands write: data on stdout, talk on stderr, colour only where a terminal shows it and NO_COLOR is unset.
 *
 * @module
 */
import { between, paint, type Style, withoutPaint, written } from '../base/paint.ts'
import { SheddingWriter } from '../base/shedding-writer.ts'
import { visibleLine, visibleText } from '../base/visible-text.ts'

/** Data for people. */
export function print(text: string): void {
  process.stdout.write(`${harmless(text)}\n`)
}

/** Data for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${visibleText(JSON.stringify(value, null, 2))}\n`)
}

/** One item of an array that is printed as `printJson` would print the whole. */
export function jsonItem(value: unknown): string {
  return visibleText(JSON.stringify(value, null, 2)).replaceAll('\n', '\n  ')
}

/** What a daemon says of itself when it starts; it goes on whether or not anybody can read it. */
export function announce(text: string, fd: 1 | 2 = 1): void {
  using writer = new SheddingWriter(fd, { notice: () => '' })
  writer.write(`${harmless(text)}\n`)
}

/** The same for programs. */
export function announceJson(value: unknown): void {
  announce(JSON.stringify(value, null, 2))
}

/** Anything that is not the answer. */
export function say(text: string): void {
  process.stderr.write(`${harmless(text)}\n`)
}

/** What others have named is shown as it is written, not obeyed; colours are ours, and nobody's text has them. */
function harmless(text: string): string {
  return written(text, visibleText)
}

/** The same for a value that must not begin a line of its own. */
export function inLine(text: string): string {
  return between(text, visibleLine)
}

/** Colour for text that goes to `stream`; NO_COLOR, FORCE_COLOR and whether it is a terminal decide. */
export function style(name: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return paint(name, text, stream)
}

/** Columns separated by two spaces, as wide as their widest cell; the last is not padded. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return new TableWriter(head).rows(rows)
}

/** A table that comes in parts: the head with the first, and columns become wider where a later part needs it. */
export class TableWriter {
  readonly #head: readonly string[]
  #widths: readonly number[] | undefined

  constructor(head: readonly string[]) {
    this.#head = head
  }

  rows(rows: readonly (readonly string[])[]): string {
    const first = this.#widths === undefined
    const before = this.#widths ?? this.#head.map((title) => title.length)
    const widths = before.map((wide, column) =>
      rows.reduce((widest, row) => Math.max(widest, width(row[column]!)), wide),
    )
    this.#widths = widths
    const line = (cells: readonly string[]) =>
      cells
        .map((cell, column) =>
          column === cells.length - 1 ? cell : cell + ' '.repeat(widths[column]! - width(cell)),
        )
        .join('  ')
    return [...(first ? [style('dim', line(this.#head))] : []), ...rows.map(line)].join('\n')
  }
}

/** Characters on the screen: without colours. */
function width(text: string): number {
  return [...withoutPaint(text)].length
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
