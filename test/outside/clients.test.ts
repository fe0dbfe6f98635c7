/**
 * Clients that other people's generators make of openapi.json compile, and live the life of one object of each kind. Not
 * part of `npm test`, since the generators are of no registry that it may use; each is skipped where it is not on the
 * PATH. `bin/node --test test/outside/*.test.ts` runs them.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { schemaName } from '../../src/api/resources.ts'
import { RestFixture } from '../../src/control/rest/fixture.ts'
import { findProgram } from '../needs.ts'
import { goLife } from './go-life.ts'
import { type LivedKind, typescriptLife } from './typescript-life.ts'

const TSC = path.join(import.meta.dirname, '../../node_modules/.bin/tsc')
/** In an order in which each can be made. */
const KINDS: readonly LivedKind[] = [
  ['connector-group', 'connector-groups', { name: 'dc1' }],
  ['server', 'servers', { name: 'srv', address: '10.1.2.3' }],
  [
    'server-group',
    'server-groups',
    { name: 'sg', connectorGroups: ['dc1'], dynamicDiscovery: false, servers: ['srv'] },
  ],
  ['segment-group', 'segment-groups', { name: 'office' }],
  [
    'segment',
    'segments',
    { name: 'wiki', domains: ['wiki.example'], tcp: ['443'], serverGroups: ['sg'], segmentGroup: 'office' },
  ],
  ['user-group', 'user-groups', { name: 'staff' }],
  ['user', 'users', { name: 'ada', password: 'correct horse', groups: ['staff'] }],
  ['posture-fact', 'posture-facts', { name: 'managed', valueType: 'boolean' }],
  [
    'access-rule',
    'access-rules',
    { name: 'r', order: 1, action: 'allow', conditions: { posture: [{ fact: 'managed', equals: true }] } },
  ],
  ['internet-rule', 'internet-rules', { name: 'news', domains: ['*.news.example'] }],
  ['edge', 'edges', { name: 'fra', host: 'fra.example', port: 443 }],
].map(([kind, plural, body]) => ({
  schema: schemaName(kind as string),
  plural: plural as string,
  body: body as { name: string },
}))

let rest: RestFixture
let document: string
const dir = mkdtempSync(path.join(tmpdir(), 'clients-'))
before(async () => {
  rest = await RestFixture.open()
  document = path.join(dir, 'openapi.json')
  writeFileSync(document, (await rest.ask('GET', '/api/v1/openapi.json')).text)
})
after(async () => {
  await rest[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true })
})

const absent = (...programs: string[]) => {
  const missing = programs.filter((program) => findProgram(program) === undefined)
  return missing.length > 0 && `not on the PATH: ${missing.join(', ')}`
}

async function run(
  program: string,
  args: readonly string[],
  { cwd = dir, stdin, env }: { cwd?: string; stdin?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk))
  child.stdin.end(stdin)
  const [code] = (await once(child, 'close')) as [number | null]
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${said.slice(-4000)}`)
  return said
}

/** Where a client that was made finds the API. */
const there = () => ({ BASE: `http://127.0.0.1:${rest.port}`, TOKEN: rest.owner })

for (const [program, args] of [
  ['openapi-spec-validator', []],
  ['redocly', ['lint']],
  ['spectral', ['lint', '--ruleset', 'spectral.yaml', '--fail-severity', 'error']],
  ['swagger-cli', ['validate']],
] as const) {
  test(`${program} has no objection`, { skip: absent(program) }, async () => {
    writeFileSync(path.join(dir, 'spectral.yaml'), 'extends: ["spectral:oas"]\n')
    await run(program, [...args, document])
  })
}

test('openapi-python-client: the life of each kind', {
  skip: absent('openapi-python-client', 'python3'),
}, async () => {
  const out = path.join(dir, 'python')
  await run('openapi-python-client', ['generate', '--path', document, '--output-path', out])
  const life = path.join(import.meta.dirname, 'life.py')
  const python = path.join(path.dirname(findProgram('openapi-python-client')!), 'python3')
  const args = [life, out, `http://127.0.0.1:${rest.port}`, JSON.stringify(KINDS)]
  await run(python, args, { stdin: `${rest.owner}\n` })
})

test('openapi-ts of Hey API: it compiles, and the life of each kind', {
  skip: absent('openapi-ts'),
}, async () => {
  const out = path.join(dir, 'hey')
  await run('openapi-ts', ['-i', document, '-o', out])
  const built = path.join(dir, 'hey-built')
  const strict = ['--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable']
  const modules = ['--module', 'commonjs', '--moduleResolution', 'bundler', '--outDir', built]
  await run(TSC, [...strict, ...modules, path.join(out, 'sdk.gen.ts'), path.join(out, 'client.gen.ts')])
  const { default: sdk } = await import(pathToFileURL(path.join(built, 'sdk.gen.js')).href)
  const { default: made } = await import(pathToFileURL(path.join(built, 'client.gen.js')).href)
  made.client.setConfig({ baseUrl: `http://127.0.0.1:${rest.port}`, auth: rest.owner })
  const call = async (operation: string, status: number, options: object) => {
    const { response, data, error } = await sdk[operation](options)
    assert.equal(response.status, status, `${operation}: ${JSON.stringify(error)}`)
    return { data, etag: response.headers.get('etag') }
  }
  for (const { schema, body } of KINDS) {
    await call(`create${schema}`, 201, { body })
    const at = { path: { id: body.name } }
    const { data, etag } = await call(`get${schema}`, 200, at)
    await call(`replace${schema}`, 200, { ...at, headers: { 'if-match': etag }, body: data })
    const changed = { ...at, headers: { 'if-match': '*' }, body: { description: 'by a client' } }
    assert.equal((await call(`change${schema}`, 200, changed)).data.description, 'by a client')
  }
  for (const { schema, body } of KINDS.toReversed())
    await call(`delete${schema}`, 204, { path: { id: body.name }, headers: { 'if-match': '*' } })
})

/** The folder of packages that the program lies in, where it has this one. */
function packagesWith(name: string, program: string): string | undefined {
  const found = findProgram(program)
  if (found === undefined) return undefined
  try {
    const at = createRequire(realpathSync(found)).resolve(name)
    return at.slice(0, at.lastIndexOf(`/${name}/`))
  } catch {
    return undefined
  }
}

const fetchIn = packagesWith('openapi-fetch', 'openapi-typescript')
test('openapi-typescript with openapi-fetch: it compiles, and the life of each kind', {
  skip:
    absent('openapi-typescript') ||
    (fetchIn === undefined && 'openapi-fetch is not installed beside openapi-typescript'),
}, async () => {
  const cwd = path.join(dir, 'typescript')
  mkdirSync(cwd)
  symlinkSync(fetchIn!, path.join(cwd, 'node_modules'))
  // Otherwise it takes a field with a default for one that must be sent, too.
  const types = path.join(cwd, 'types.ts')
  await run('openapi-typescript', [document, '--default-non-nullable=false', '-o', types])
  writeFileSync(path.join(cwd, 'life.ts'), typescriptLife(KINDS))
  const strict = ['--strict', '--skipLibCheck', '--target', 'es2022', '--lib', 'es2022,dom,dom.iterable']
  await run(TSC, [...strict, '--module', 'preserve', '--outDir', 'built', 'life.ts', 'types.ts'], { cwd })
  await run(process.execPath, [path.join(cwd, 'built/life.js')], { env: there() })
})

test('oapi-codegen: it compiles, and the life of each kind', {
  skip: absent('oapi-codegen', 'go'),
}, async () => {
  const cwd = path.join(dir, 'go')
  mkdirSync(path.join(cwd, 'api'), { recursive: true })
  writeFileSync(path.join(cwd, 'go.mod'), 'module clients\n\ngo 1.24\n')
  writeFileSync(path.join(cwd, 'main.go'), goLife(KINDS))
  const client = ['-generate', 'types,client', '-package', 'api', '-o', 'api/api.go', document]
  await run('oapi-codegen', client, { cwd })
  await run('go', ['mod', 'tidy'], { cwd })
  await run('go', ['vet', './...'], { cwd })
  await run('go', ['run', '.'], { cwd, env: there() })
})
