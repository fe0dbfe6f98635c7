import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../base/config-text.ts'
import { Fault } from '../base/faults.ts'
import { silentLog } from '../base/log.ts'
import { parseForward } from './address/forward-spec.ts'
import { parseListen } from './address/listen-address.ts'
import { parsePin } from './commands/login.ts'
import { clientDirs } from './dirs.ts'
import { clientConfig, clientOptions } from './options.ts'

const codeOf = (run: () => unknown) => {
  try {
    run()
    return undefined
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error.code
  }
}

test('an absent file is a whole configuration, with the proxy on loopback', () => {
  const options = clientOptions({}, silentLog, { HOME: '/home/ada' })
  assert.deepEqual(options.listen, { host: '127.0.0.1', port: 9180 })
  assert.equal(options.stateDir, '/home/ada/.local/state/backstitch/client')
  assert.equal(clientOptions({ listen: 'off' }, silentLog).listen, undefined)
})

test('XDG directories are honoured where they are absolute', () => {
  assert.deepEqual(clientDirs({ HOME: '/h', XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: 'relative' }), {
    configFile: '/c/backstitch/client.yaml',
    state: '/h/.local/state/backstitch/client',
  })
  assert.equal(clientDirs({ HOME: '', XDG_STATE_HOME: '/s' }).state, '/s/backstitch/client')
})

test('an unknown key is refused with the nearest known one and its place', () => {
  assert.throws(
    () => parseConfig('listen: 127.0.0.1:1\nforward: []\n', { schema: clientConfig, file: 'client.yaml' }),
    (fault: Fault) => fault.code === 'INVALID' && /client\.yaml:2:1: .*"forwards"/.test(fault.detail),
  )
})

test('a device reports only so many facts of its posture, and the file says where there are more', () => {
  const facts = Array.from({ length: 65 }, (_, at) => `  fact${at}: true\n`)
  const text = (count: number) => `posture:\n${facts.slice(0, count).join('')}`
  const read = (count: number) => parseConfig(text(count), { schema: clientConfig, file: 'client.yaml' })
  assert.equal(Object.keys(read(64).posture).length, 64)
  assert.throws(() => read(65), /client\.yaml:[12]:.*posture: more than 64 facts/)
})

test('the proxy listens beyond loopback only when that is said', () => {
  assert.equal(
    codeOf(() => clientOptions({ listen: '0.0.0.0:1' }, silentLog)),
    'INVALID',
  )
  assert.equal(
    codeOf(() => clientOptions({ listen: '[::]:1' }, silentLog)),
    'INVALID',
  )
  const options = clientOptions({ listen: '0.0.0.0:1', listenBeyondLoopback: true }, silentLog)
  assert.equal(options.listen?.host, '0.0.0.0')
})

test('a listen address is a port, or an address and a port', () => {
  assert.deepEqual(parseListen('80'), { host: '127.0.0.1', port: 80 })
  assert.deepEqual(parseListen('localhost:80'), { host: '127.0.0.1', port: 80 })
  assert.deepEqual(parseListen('[::1]:0'), { host: '::1', port: 0 })
  for (const bad of [
    '',
    ':',
    'x',
    '127.0.0.1',
    '1.2.3:80',
    'name:80',
    '::1:80',
    '[::1',
    '127.0.0.1:65536',
    '127.0.0.1:1 ',
  ]) {
    assert.equal(
      codeOf(() => parseListen(bad)),
      'INVALID',
      bad,
    )
  }
})

test('a forward is LOCAL HOST:PORT, with udp/ before LOCAL for UDP', () => {
  assert.deepEqual(parseForward('5432 db.example.com:5432'), {
    protocol: 'tcp',
    local: { host: '127.0.0.1', port: 5432 },
    host: 'db.example.com',
    port: 5432,
  })
  assert.equal(parseForward('udp/127.0.0.1:53 [fd00::1]:53').protocol, 'udp')
  assert.equal(
    codeOf(() => parseForward('5432')),
    'INVALID',
  )
  assert.equal(
    codeOf(() => parseForward('a b c')),
    'INVALID',
  )
  assert.equal(
    codeOf(() => parseForward('5432 db')),
    'BAD_DESTINATION',
  )
})

test('a pin is 64 hexadecimal digits, however it is written', () => {
  const hex = 'ab'.repeat(32)
  const colons = hex.toUpperCase().match(/../g)!.join(':')
  for (const text of [hex, `sha256:${hex}`, colons, ` ${hex}\n`])
    assert.equal(parsePin(text).toString('hex'), hex)
  for (const bad of ['', hex.slice(1), `${hex}0`, 'g'.repeat(64)])
    assert.equal(
      codeOf(() => parsePin(bad)),
      'INVALID',
    )
})
