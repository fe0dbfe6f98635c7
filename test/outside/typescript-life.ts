/** One kind of object: how its schema and its path are called, and one that can be made. */
export interface LivedKind {
  readonly schema: string
  readonly plural: string
  readonly body: { readonly name: string }
}

/**
 * The life of one object of each kind, as a program in TypeScript against the types of openapi-typescript: what a client
 * may send, and what it gets, is what the compiler takes. BASE and TOKEN are of the environment.
 */
export function typescriptLife(kinds: readonly LivedKind[]): string {
  return `import createClient from 'openapi-fetch'
import type { paths } from './types'

declare const process: { readonly env: Record<string, string | undefined> }
const headers = { authorization: \`Bearer \${process.env.TOKEN}\` }
const client = createClient<paths>({ baseUrl: process.env.BASE, headers })

/** What an answer holds, where it has this status. */
function data<T>(what: string, answer: { data?: T; error?: unknown; response: Response }, status: number): T {
  if (answer.response.status !== status)
    throw new Error(\`\${what}: \${answer.response.status} \${JSON.stringify(answer.error)}\`)
  return answer.data as T
}

async function life(): Promise<void> {
${kinds.map(lifeOf).join('\n')}
${kinds.toReversed().map(endOf).join('\n')}
}
void life()
`
}

function lifeOf({ schema, plural, body }: LivedKind): string {
  const one = `'/api/v1/${plural}/{id}'`
  const path = `path: { id: ${JSON.stringify(body.name)} }`
  return `  {
    const created = data('create ${schema}', await client.POST('/api/v1/${plural}', { body: ${JSON.stringify(body)} }), 201)
    const listed = data('list ${schema}', await client.GET('/api/v1/${plural}', { params: { query: { limit: 10 } } }), 200)
    if (!listed.items.some(({ id }) => id === created.id)) throw new Error('${schema} is not listed')
    const read = await client.GET(${one}, { params: { ${path} } })
    const header = { 'if-match': read.response.headers.get('etag') ?? '' }
    const replaced = await client.PUT(${one}, { params: { ${path}, header }, body: data('get ${schema}', read, 200) })
    data('replace ${schema}', replaced, 200)
    const description = 'by a client'
    const changed = await client.PATCH(${one}, { params: { ${path}, header: { 'if-match': '*' } }, body: { description } })
    if (data('change ${schema}', changed, 200).description !== description) throw new Error('${schema} is not changed')
  }`
}

function endOf({ schema, plural, body }: LivedKind): string {
  const one = `'/api/v1/${plural}/{id}'`
  const path = `path: { id: ${JSON.stringify(body.name)} }`
  return `  data('delete ${schema}', await client.DELETE(${one}, { params: { ${path}, header: { 'if-match': '*' } } }), 204)
  const no${schema} = await client.GET(${one}, { params: { ${path} } })
  if (no${schema}.error?.code !== 'NOT_FOUND') throw new Error('${schema} is still there')`
}
