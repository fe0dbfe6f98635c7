import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counterOf, lookForLostAnswers, lossesOf, lostWhile } from './return-path.ts'

const NETSTAT = [
  'TcpExt: SyncookiesSent IPReversePathFilter TCPTimeouts',
  'TcpExt: 0 13 3',
  'IpExt: InNoRoutes InOctets',
  'IpExt: 5 4096',
  '',
].join('\n')
const SNMP = [
  'Ip: Forwarding InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers',
  'Ip: 1 1000 1 2 300 0 0 670',
  'Tcp: InSegs OutSegs OutRsts',
  'Tcp: 500 500 7',
  '',
].join('\n')

test('counterOf: the figure under its name, of its own group', () => {
  assert.equal(counterOf(NETSTAT, 'TcpExt', 'IPReversePathFilter'), 13)
  assert.equal(counterOf(NETSTAT, 'IpExt', 'InNoRoutes'), 5)
  assert.equal(counterOf(NETSTAT, 'IpExt', 'IPReversePathFilter'), undefined)
  assert.equal(counterOf('', 'TcpExt', 'TCPTimeouts'), undefined)
})

test('lossesOf: what came in, was not delivered and is in no other column was dropped by a firewall', () => {
  assert.deepEqual(lossesOf(SNMP, NETSTAT), { filtered: 13, dropped: 9, refused: 7 })
  assert.equal(lossesOf('', NETSTAT), undefined)
})

const NONE = { filtered: 0, dropped: 0, refused: 0 }

test('lostWhile: as many as were asked for, on a machine that threw away hardly one before', () => {
  assert.equal(lostWhile(NONE, NONE, NONE), undefined)
  assert.equal(lostWhile(NONE, NONE, undefined), undefined)
  assert.deepEqual(lostWhile(NONE, NONE, { ...NONE, dropped: 10 }), { ...NONE, dropped: 10 })
  assert.deepEqual(lostWhile(NONE, { ...NONE, refused: 2 }, { ...NONE, refused: 12 }), {
    ...NONE,
    refused: 10,
  })
  assert.equal(lostWhile(NONE, NONE, { ...NONE, dropped: 4 }), undefined, 'four of ten are chance')
  const busy = { ...NONE, dropped: 40 }
  assert.equal(lostWhile(NONE, busy, { ...NONE, dropped: 80 }), undefined, 'it drops as much all the time')
})

test('lookForLostAnswers: says nothing where nothing was lost', async () => {
  const { signal } = new AbortController()
  assert.equal(await lookForLostAnswers({ address: '127.0.0.1', port: 9 }, signal), undefined)
})
