import { inLine, style } from './terminal.ts'

/** Named facts under each other, those without a value left out. */
export function factsText(facts: readonly (readonly [name: string, value: unknown])[]): string {
  const known = facts.filter(([, value]) => value !== undefined && value !== '')
  const width = Math.max(...known.map(([name]) => name.length))
  return known
    .map(([name, value]) => `${style('dim', name.padEnd(width))}  ${inLine(String(value))}`)
    .join('\n')
}
