import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../base/faults.ts'
import { parseAuthority } from '../address/parse-authority.ts'
import { parseHead } from './http-head.ts'
import { endToEndHeaders, readTarget, showTarget, writeHead } from './http-target.ts'

const refusal = (run: () => unknown) => {
  try {
    run()
    return undefined
  } catch (error) {
    assert.ok(error instanceof Fault, String(error))
    return error.code
  }
}

test('an absolute target splits into host, port and path', () => {
  assert.deepEqual(readTarget('http://app.example.com/a?b=1'), {
    is: 'absolute',
    host: 'app.example.com',
    port: 80,
    authority: 'app.example.com',
    path: '/a?b=1',
  })
  assert.deepEqual(readTarget('HTTP://[::1]:8080'), {
    is: 'absolute',
    host: '::1',
    port: 8080,
    authority: '[::1]:8080',
    path: '/',
  })
  assert.equal((readTarget('http://a?x') as { path: string }).path, '/?x')
  assert.deepEqual(readTarget('/proxy.pac'), { is: 'origin', path: '/proxy.pac' })
})

test('user and password are passed over, and shown nowhere', () => {
  for (const user of ['user', 'us%20er:p%40w', ':', 'good.example.com']) {
    const target = readTarget(`http://${user}@app.example:8080/a`)
    assert.deepEqual(target, {
      is: 'absolute',
      host: 'app.example',
      port: 8080,
      authority: 'app.example:8080',
      path: '/a',
    })
  }
  for (const target of [
    'http://ann:s3cret@app:99999/',
    'http://ann:s3cret@x@app/',
    'ftp://ann:s3cret@app/',
    '//ann:s3cret@app/?token=s3cret',
    'ann:s3cret@app:443',
  ]) {
    assert.ok(!showTarget(target).includes('s3cret'), showTarget(target))
    for (const read of [readTarget, parseAuthority]) {
      try {
        read(target)
      } catch (error) {
        const { detail, seen } = error as Fault
        assert.ok(!JSON.stringify([detail, seen]).includes('s3cret@'), target)
      }
    }
  }
})

test('targets that mean another host to another reader are refused', () => {
  for (const target of [
    'http://',
    'http://:80/',
    'http://a@b@app/',
    'http://@/',
    'http://app:0/',
    'http://app:65536/',
    'http://app:80:81/',
    'http://app:/',
    'http://[::1/',
    'http://a]b/',
  ]) {
    assert.equal(
      refusal(() => readTarget(target)),
      'BAD_DESTINATION',
      target,
    )
  }
  for (const target of [
    'https://app/',
    'ftp://app/',
    'http:/app',
    'http:app',
    'app:80',
    '*',
    '',
    'http://app\\@evil/',
    'http://app/#x',
    'http://app/ x',
    ' http://app/',
  ]) {
    assert.equal(
      refusal(() => readTarget(target)),
      'LOCAL_REQUEST_REFUSED',
      target,
    )
  }
})

test('no target makes the reader throw anything but a Fault, nor name a host with a delimiter in it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.boolean(), (text, prefix) => {
      try {
        const target = readTarget(prefix ? `http://${text}` : text)
        if (target.is === 'absolute') {
          assert.doesNotMatch(target.host, /[/?#@\\\s[\]]/)
          assert.ok(target.path.startsWith('/'))
        }
      } catch (error) {
        assert.ok(error instanceof Fault)
      }
    }),
    { numRuns: 1000 },
  )
})

test('an authority is host and port and nothing else', () => {
  assert.deepEqual(parseAuthority('app.example.com:443'), { host: 'app.example.com', port: 443 })
  assert.deepEqual(parseAuthority('[2001:db8::1]:22'), { host: '2001:db8::1', port: 22 })
  for (const text of [
    'app',
    'app:',
    ':443',
    'app:0',
    'app:65536',
    'app:443/',
    'app:443 ',
    'app:44x',
    'app:-1',
    'a b:1',
    'user@app:443',
    '2001:db8::1:22',
    '[::1]',
    '[::1]:',
    '[]:1',
    'a?b:1',
    'a#b:1',
    'a\\b:1',
    'http://app:443',
    `${'a'.repeat(254)}:1`,
    `${'a'.repeat(5000)}:1`,
  ]) {
    assert.equal(
      refusal(() => parseAuthority(text)),
      'BAD_DESTINATION',
      text,
    )
  }
})

test('headers of one connection do not go on, nor those that Connection names', () => {
  const raw = [
    'Host',
    'app',
    'Connection',
    'close, X-Hop',
    'X-Hop',
    '1',
    'Proxy-Authorization',
    'Basic eA==',
    'Accept',
    '*/*',
    'Cookie',
    'a',
    'Cookie',
    'b',
    'Upgrade',
    'h2c',
  ]
  assert.deepEqual(endToEndHeaders(raw, ['host']), ['Accept', '*/*', 'Cookie', 'a', 'Cookie', 'b'])
})

test('a Connection header cannot take away what says where a request ends, or whom it is for', () => {
  const raw = ['Connection', 'Content-Length, Host, Transfer-Encoding, X', 'Content-Length', '3', 'X', '1']
  assert.deepEqual(endToEndHeaders(raw), ['Content-Length', '3'])
})

test('the head that goes on is in origin form, for the host of the target, in the version it came in', () => {
  const written = (text: string) => {
    const head = parseHead(text)
    const target = readTarget(head.target, head.method)
    assert.equal(target.is, 'absolute')
    return writeHead(head, target as never).toString('latin1')
  }
  assert.equal(
    written(
      'POST http://u:p@app:81/x?y=\xe9 HTTP/1.1\r\nhost: other\r\nTransfer-Encoding: chunked\r\nConnection: X, close\r\n' +
        'X: 1\r\nTrailer: T\r\nExpect: 100-continue\r\nProxy-Connection: keep-alive\r\n\r\n',
    ),
    'POST /x?y=\xe9 HTTP/1.1\r\nHost: app:81\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\nExpect: 100-continue\r\n' +
      'Via: 1.1 backstitch\r\nConnection: close\r\n\r\n',
  )
  assert.equal(
    written('OPTIONS http://app HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n'),
    'OPTIONS * HTTP/1.0\r\nHost: app\r\nVia: 1.0 backstitch\r\nConnection: keep-alive\r\n\r\n',
  )
})
