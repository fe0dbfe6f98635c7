import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { writePac } from './pac.ts'

/** Runs the script as a browser would, with the one function it may call. */
function ask(script: string, host: string): string {
  const number = (ip: string) => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
  const isInNet = (ip: string, base: string, mask: string) =>
    (number(ip) & number(mask)) >>> 0 === (number(base) & number(mask)) >>> 0
  return runInNewContext(`${script}; FindProxyForURL(url, host)`, {
    isInNet,
    url: `https://${host}/`,
    host,
  }) as string
}

const script = writePac('127.0.0.1:9180', {
  hosts: ['wiki.example.com', '*.corp.example.com', '2001:db8::1'],
  cidrs: ['10.1.0.0/16', '192.0.2.7/32'],
})

const through = 'PROXY 127.0.0.1:9180; SOCKS5 127.0.0.1:9180'

test('covered names and addresses go to the proxy, all else directly', () => {
  for (const host of [
    'wiki.example.com',
    'WIKI.example.com',
    'wiki.example.com.',
    'a.corp.example.com',
    'a.b.corp.example.com',
    '10.1.255.3',
    '192.0.2.7',
    '[2001:db8::1]',
  ]) {
    assert.equal(ask(script, host), through, host)
  }
  for (const host of [
    'example.com',
    'wiki.example.com.evil.org',
    'notexample.com',
    '10.2.0.1',
    '192.0.2.8',
    '[2001:db8::2]',
    'localhost',
    'printer.local',
  ]) {
    assert.equal(ask(script, host), 'DIRECT', host)
  }
})

test('what looks private and is not covered is tried directly, and then where a person is told why', () => {
  for (const host of [
    'wikki.example.com',
    'corp.example.com',
    'evil-corp.example.com',
    'db1.internal',
    'Intranet',
    'nas.home.arpa.',
    'hasOwnProperty',
    'constructor',
  ]) {
    assert.equal(ask(script, host), `DIRECT; ${through}`, host)
  }
})

test('a pattern cannot write code into the script', () => {
  const nasty = '"};evil();//\u2028</script>'
  const text = writePac('127.0.0.1:1', { hosts: [nasty], cidrs: [] })
  assert.equal(ask(text, 'example.com'), 'DIRECT')
})

test('nothing covered sends everything directly; 0.0.0.0/0 takes every IPv4 address', () => {
  assert.equal(ask(writePac('127.0.0.1:1', { hosts: [], cidrs: [] }), '10.0.0.1'), 'DIRECT')
  assert.notEqual(ask(writePac('127.0.0.1:1', { hosts: [], cidrs: ['0.0.0.0/0'] }), '10.0.0.1'), 'DIRECT')
})

test('names of the internet lane go directly, unless a private name is as specific or more', () => {
  const lanes = writePac('127.0.0.1:9180', {
    hosts: ['*.corp.example', 'both.example'],
    cidrs: [],
    lanes: {
      bypass: [
        { pattern: 'status.corp.example', rule: 'r' },
        { pattern: '*.cdn.corp.example', rule: 'r' },
        { pattern: 'both.example', rule: 'r' },
        { pattern: '*.saas.example', rule: 'r' },
      ],
      claimed: ['both.example', 'vault.saas.example', '*.in.saas.example'],
    },
  })
  const through = 'PROXY 127.0.0.1:9180; SOCKS5 127.0.0.1:9180'
  for (const host of ['wiki.corp.example', 'both.example', 'vault.saas.example', 'a.in.saas.example']) {
    assert.equal(ask(lanes, host), through, host)
  }
  for (const host of ['status.corp.example', 'a.cdn.corp.example', 'mail.saas.example', 'in.saas.example']) {
    assert.equal(ask(lanes, host), 'DIRECT', host)
  }
})
