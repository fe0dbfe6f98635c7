import type { ResourceRow } from './resource-row.ts'
import { style } from './terminal.ts'

/** Every field of a resource, nested ones indented, ids with what they are called. */
export function resourceText(row: ResourceRow): string {
  const { names = {}, ...fields } = row
  return lines(fields, names, 0).join('\n')
}

function lines(value: ResourceRow, names: Record<string, string>, depth: number): string[] {
  const pad = '  '.repeat(depth)
  const shown = Object.entries(value).filter(([, field]) => field !== undefined && field !== '')
  const width = Math.max(0, ...shown.map(([key]) => key.length))
  return shown.flatMap(([key, field]) => {
    if (isMap(field)) {
      const inner = lines(field, names, depth + 1)
      return [`${pad}${style('dim', key)}${inner.length === 0 ? '  none' : ''}`, ...inner]
    }
    return [`${pad}${style('dim', key.padEnd(width))}  ${text(field, names)}`]
  })
}

function text(value: unknown, names: Record<string, string>): string {
  if (Array.isArray(value))
    return value.length === 0 ? 'none' : value.map((one) => text(one, names)).join(', ')
  if (isMap(value)) return JSON.stringify(value)
  const name = typeof value === 'string' ? names[value] : undefined
  return name === undefined ? String(value) : `${name} ${style('dim', String(value))}`
}

function isMap(value: unknown): value is ResourceRow {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
