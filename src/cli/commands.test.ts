import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'
import { COMMANDS, commandsFor } from './commands.ts'

test('every command is called by the words that it answers to', async () => {
  for (const { words, load } of COMMANDS) {
    const program = new Command()
    const add = await load()
    add(program)
    assert.deepEqual(
      program.commands.map((one) => one.name()),
      words,
    )
  }
})

test('only what is called is loaded; what is not known loads all, so that hints and help know all', () => {
  const wordsFor = (...args: string[]) => commandsFor(args).flatMap(({ words }) => words)
  const all = COMMANDS.flatMap(({ words }) => words)
  assert.deepEqual(wordsFor('get', 'users'), ['get', 'describe', 'delete'])
  assert.deepEqual(wordsFor('--json', '--context', 'client', 'status'), ['status'])
  for (const args of [[], ['--help'], ['help', 'get'], ['gett'], ['completion', 'bash']])
    assert.deepEqual(wordsFor(...args), all, args.join(' '))
})

/** Packages of which something is loaded, by the whole program as it is called. */
function packagesOf(...args: string[]): Set<string> {
  const hook = `import { registerHooks } from 'node:module'
    const names = new Set()
    registerHooks({ load(url, context, next) {
      const name = /.*\\/node_modules\\/([^/]+)/.exec(url)?.[1]
      if (name) names.add(name)
      return next(url, context)
    } })
    process.on('exit', () => console.log('LOADED ' + [...names].join(' ')))`
  const main = path.join(import.meta.dirname, 'main.ts')
  const flags = [
    '--disable-warning=ExperimentalWarning',
    '--import',
    `data:text/javascript,${encodeURIComponent(hook)}`,
  ]
  const { stdout } = spawnSync(process.execPath, [...flags, main, ...args], {
    encoding: 'utf8',
    cwd: '/',
    env: { ...process.env, XDG_CONFIG_HOME: '/nowhere', BACKSTITCH_CONTEXT: '/nowhere/context.json' },
  })
  return new Set(/^LOADED (.*)$/m.exec(stdout)?.[1]?.split(' '))
}

test('a command does not wait for what it does not need', () => {
  const asked = packagesOf('get', 'segments')
  assert.ok(asked.has('commander') && asked.has('zod'))
  for (const name of ['yaml', 'pino', 'ws', 'kysely', 'hono']) assert.ok(!asked.has(name), name)
  const joined = packagesOf('client', '--state', '/nowhere', 'status')
  for (const name of ['yaml', 'ws', 'kysely', 'hono']) assert.ok(!joined.has(name), name)
})
