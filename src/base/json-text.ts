import { nextTurn, turnIsOver } from './slices.ts'

/** As JSON.stringify, of an object whose lists may be long: item by item, with turns of the event loop between. */
export async function jsonText(value: object): Promise<string> {
  const fields: string[] = []
  for (const [key, one] of Object.entries(value)) {
    const text = Array.isArray(one) ? await listText(one) : JSON.stringify(one)
    if (text !== undefined) fields.push(`${JSON.stringify(key)}:${text}`)
  }
  return `{${fields.join(',')}}`
}

async function listText(items: readonly unknown[]): Promise<string> {
  const texts: string[] = []
  for (const item of items) {
    texts.push(JSON.stringify(item) ?? 'null')
    if (turnIsOver()) await nextTurn()
  }
  return `[${texts.join(',')}]`
}
