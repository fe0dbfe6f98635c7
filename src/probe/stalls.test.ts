import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStalls } from './stalls.ts'

const STANDS =
  '0      70952  10.99.0.2:38672 10.99.0.1:4443  bbr wscale:10,10 rto:204 backoff:4 rtt:0.032/0.018 ato:40 ' +
  'mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:11 bytes_sent:34757 bytes_acked:6 bytes_received:2 ' +
  'segs_out:28 segs_in:3 lastsnd:564 lastrcv:3888 busy:3684ms notsent:70952 minrtt:0.007'
const IDLE =
  '0      0      10.99.0.2:4443  10.99.0.1:38672 bbr wscale:10,10 rto:204 rtt:0.017/0.008 mss:1448 pmtu:1500 ' +
  'bytes_sent:2 bytes_acked:2 segs_out:2'
const SLOW = STANDS.replace('backoff:4 ', 'backoff:1 ')

test('a connection that sends the same again and again is a stall, with the size of its packets', () => {
  assert.deepEqual(readStalls(`${IDLE}\n${STANDS}\n`), [
    {
      peer: '10.99.0.1:4443',
      packetBytes: 1500,
      saw: '10.99.0.1:4443 70952 bytes wait, backoff:4 mss:1448 pmtu:1500 bytes_acked:6 notsent:70952',
    },
  ])
})

test('an idle connection, a late packet and nothing at all are none', () => {
  assert.deepEqual(readStalls(`${IDLE}\n${SLOW}\n\n`), [])
})
