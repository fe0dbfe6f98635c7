import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Command } from 'commander'
import { FAULTS, type FaultCode } from '../base/faults.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { buildProgram } from './program.ts'

const DOCS = readFileSync(path.resolve(import.meta.dirname, '../../docs/cli.md'), 'utf8')

function tree(command: Command, at = ''): [string, Command][] {
  return command.commands.flatMap((child): [string, Command][] => {
    const name = `${at} ${child.name()}`.trim()
    return [[name, child], ...tree(child, name)]
  })
}

/** What `--help` prints, examples included. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
  })
  command.outputHelp()
  return text
}

for (const [name, command] of tree(await buildProgram())) {
  test(`backstitch ${name} --help: says what it does, with examples, and --json`, () => {
    const help = helpOf(command)
    assert.ok(command.description().length > 10)
    assert.match(help, /\nExamples:\n {2}\S/)
    assert.match(help, /--json/)
  })

  test(`backstitch ${name} is in docs/cli.md, with its environment`, () => {
    const isGroup = command.commands.length > 0
    assert.ok(isGroup || DOCS.includes(`\`${name}`), `no row for ${name}`)
    for (const option of command.options) {
      if (option.envVar !== undefined) assert.ok(DOCS.includes(`\`${option.envVar}\``), option.envVar)
    }
  })
}

test('no option takes a secret: argv can be read by every user of the machine', async () => {
  for (const [name, command] of tree(await buildProgram())) {
    for (const { long = '' } of command.options) {
      assert.doesNotMatch(long, /^--(password|secret|token|key)$/, `${name} ${long}`)
    }
  }
})

for (const [words, wanted] of [
  [['gett', 'users'], /unknown command 'gett'[\s\S]*get/],
  [['get', 'conectors'], /Did you mean connectors\?/],
  [['get', 'connectors', '--limt', '3'], /--limit/],
  [['key', 'create'], /--group/],
  [['key', 'create', '--group', 'a', '--expires', 'tomorrow'], /duration such as/],
] as const) {
  test(`backstitch ${words.join(' ')}: refused as usage, with a hint`, async () => {
    let said = ''
    const program = await buildProgram()
    for (const command of [program, ...tree(program).map(([, one]) => one)]) {
      command.configureOutput({
        writeErr: (part) => {
          said += part
        },
      })
    }
    const error = await program.parseAsync(words, { from: 'user' }).catch((thrown: Error) => thrown)
    assert.equal((error as { name?: string }).name, 'CommanderError')
    assert.match(said, wanted)
  })
}

test('every exit code is documented, and every fault has one', () => {
  for (const code of Object.values(EXIT)) assert.match(DOCS, new RegExp(`\\| ${code} \\|`))
  for (const code of Object.keys(FAULTS) as FaultCode[]) assert.ok(exitCodeOf(code) > 0)
  assert.equal(exitCodeOf('NOT_FOUND'), EXIT.NOT_FOUND)
  assert.equal(exitCodeOf('APP_REFUSED'), EXIT.FAULT)
})

for (const [words, env, says] of [
  [['server', '--config', '/dev/null', '--listen', '8443'], {}, /INVALID.*listen "8443" is not HOST:PORT/],
  [['connector', '--config', '/nonexistent.yaml'], {}, /INVALID.*nonexistent.yaml does not exist/],
  [['connector', '--config', '/dev/null'], { BACKSTITCH_GROUP: '"here"' }, /a name is letters/],
  [
    ['connector', '--config', '/dev/null', '--state', '/dev/null/x'],
    { BACKSTITCH_EDGE: '' },
    /STATE_UNWRITABLE/,
  ],
] as const) {
  test(`a setting that cannot be meant is said: ${words.join(' ')} ${JSON.stringify(env)}`, () => {
    const program = path.resolve(import.meta.dirname, '../../bin/backstitch')
    const { stderr, status } = spawnSync(program, words, {
      ...{ encoding: 'utf8', timeout: 20_000 },
      env: { ...process.env, ...env },
    })
    assert.notEqual(status, 0)
    assert.match(stderr, says)
  })
}
