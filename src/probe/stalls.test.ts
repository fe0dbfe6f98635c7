import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { readLossy, readStalls } from './stalls.ts'

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
      saw: '10.99.0.1:4443 44888 bytes waiting, backoff:3 mss:1448 pmtu:1500 bytes_acked:7 unacked:12 retrans:1/3 notsent:27512',
    },
  ])
})

test('an idle connection, a late packet, a reader that takes no more, a keystroke that is lost and nothing at all are none', () => {
  assert.deepEqual(readStalls(`${IDLE}\n${SLOW}\n${WINDOW_CLOSED}\n${KEYSTROKE}\n\n`), [])
})

/** As ss 6.1 prints a connection in which long packets of the other end are dropped, and the short last one came. */
const GAP =
  'ESTAB 0      0      10.77.0.2:58360 10.77.0.1:8080 skmem:(r1488,rb131072,t0,tb69120,f2608,w0,o0,bl0,d0) bbr ' +
  'wscale:10,10 rto:204 rtt:0.061/0.031 mss:1448 pmtu:1500 rcvmss:656 advmss:1448 cwnd:11 bytes_sent:3 bytes_acked:4 ' +
  'segs_out:4 segs_in:3 lastsnd:2936 lastrcv:2948 lastack:2912 rcv_space:14480 rcv_ooopack:1 minrtt:0.036'

test('bytes that a socket holds though nothing waits to be read stand behind a gap', () => {
  const seen = { is: 'gap', nearPort: 58_360 } as const
  const saw = '10.77.0.1:8080 skmem:r1488 rcvmss:656 advmss:1448 lastrcv:2948 rcv_ooopack:1'
  assert.deepEqual(readLossy(`${GAP}\n`), [{ ...seen, saw }])
})

test('no gap: a packet out of order just now, one that came long ago, bytes that the program does not read, an idle connection', () => {
  const now = GAP.replace('lastrcv:2948', 'lastrcv:40')
  const filled = GAP.replace('(r1488,', '(r0,')
  const unread = GAP.replace('ESTAB 0 ', 'ESTAB 1300 ')
  assert.deepEqual(readLossy([now, filled, unread, IDLE].join('\n')), [])
})

test('what is sent and not acknowledged is lost however short it is', () => {
  assert.deepEqual(
    readLossy(`${IDLE}\nESTAB ${KEYSTROKE}`).map(({ is, nearPort }) => [is, nearPort]),
    [['unacknowledged', 38_672]],
  )
})

test('where no program can be started any more nothing is known, and nobody is harmed', () => {
  const script = `
    import { openSync } from 'node:fs'
    import { lookAtLossy } from '${path.join(import.meta.dirname, 'stalls.ts')}'
    try { for (;;) openSync('/dev/null') } catch {}
    const found = await lookAtLossy({ address: '127.0.0.1', port: 9 }, new AbortController().signal)
    console.log(JSON.stringify(found))`
  const node = `ulimit -n 64 && exec ${process.execPath} --disable-warning=ExperimentalWarning --input-type=module -e "$0"`
  const child = spawnSync('sh', ['-c', node, script], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([child.status, child.stdout.trim()], [0, '[]'], child.stderr)
})
