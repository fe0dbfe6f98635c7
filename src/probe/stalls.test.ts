import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readStalls } from './stalls.ts'

const STANDS =
  '0      44888  10.99.0.2:38672 10.99.0.1:4443  ts sack bbr wscale:10,10 rto:1632 backoff:3 rtt:0.064/0.036 ' +
  'mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:1 bytes_sent:21726 bytes_retrans:4344 bytes_acked:7 segs_out:18 ' +
  'segs_in:2 data_segs_out:16 send 181000000bps lastsnd:180 lastrcv:1940 lastack:1940 delivered:2 app_limited ' +
  'busy:1640ms unacked:12 retrans:1/3 lost:12 rcv_space:14480 rcv_ssthresh:64088 notsent:27512 minrtt:0.012'
const WINDOW_CLOSED =
  '0      3961990 10.99.0.2:58394 10.99.0.1:4443 ts sack bbr wscale:10,10 rto:208 backoff:4 rtt:6.033/11.679 ' +
  'mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:17 bytes_sent:215525 bytes_acked:195558 segs_out:13 segs_in:7 ' +
  'busy:6008ms rwnd_limited:6008ms(100.0%) retrans:0/1 reordering:30 notsent:3961990 minrtt:0.045'
const IDLE =
  '0      0      10.99.0.2:4443  10.99.0.1:38672 bbr wscale:10,10 rto:204 rtt:0.017/0.008 mss:1448 pmtu:1500 ' +
  'bytes_sent:2 bytes_acked:2 segs_out:2'
const KEYSTROKE = STANDS.replace('44888 ', '36    ')
const SLOW = STANDS.replace('backoff:3 ', 'backoff:1 ')

test('a connection that sends the same again and again is a stall, with the size of its packets', () => {
  assert.deepEqual(readStalls(`${IDLE}\n${STANDS}\n`), [
    {
      peer: '10.99.0.1:4443',
      packetBytes: 1500,
      saw: '10.99.0.1:4443 44888 bytes wait, backoff:3 mss:1448 pmtu:1500 bytes_acked:7 unacked:12 retrans:1/3 notsent:27512',
    },
  ])
})

test('an idle connection, a late packet, a reader that takes no more, a keystroke that is lost and nothing at all are none', () => {
  assert.deepEqual(readStalls(`${IDLE}\n${SLOW}\n${WINDOW_CLOSED}\n${KEYSTROKE}\n\n`), [])
})
