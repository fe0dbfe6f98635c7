import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { sockDiag } from './sock-diag.ts'
import { SocketOwners } from './socket-owners.ts'
import { type Endpoint, ownersOfTcp, ownersOfUdp, pairKey } from './socket-table.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const line = (ends: string, uid: number, inode: number, state = '01') =>
  `    5: ${ends} ${state} 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 ${inode} 1 0 20 4\n`
const at = (address: string, port: number): Endpoint => ({ address, port })
const PROXY = at('127.0.0.1', 9180)
const V6_PROXY = '0000000000000000FFFF00000100007F:23DC'

/** Tables as the kernel of a little-endian machine writes them. */
function tables(t: { after(end: () => void): void }, files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bs-table-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const name of ['tcp', 'tcp6', 'udp', 'udp6']) {
    writeFileSync(path.join(folder, name), HEAD + (files[name] ?? ''))
  }
  return folder
}

test('a connection is found by its two ends, in whichever table it is', (t) => {
  const noise = Array.from({ length: 3000 }, (_, i) =>
    line(`0100007F:${(i + 1024).toString(16).toUpperCase()} 0100007F:0050`, 1, 9),
  )
  const tcp = [
    ...noise,
    line('0100007F:C350 0100007F:23DC', 1000, 31_337),
    line('0100007F:23DC 0100007F:C351', 77, 5), // the accepted side
    line('0100007F:C352 0100007F:23DC', 0, 0), // of no process: not root's
    line('0100007F:C353 0100007F:23DC', 0, 0, '06'),
    line('0100007F:C354 0100007F:23DC', 0, 44),
    ...noise,
  ].join('')
  const tcp6 = line(`0000000000000000FFFF00000100007F:C355 ${V6_PROXY}`, 1001, 6)
  const folder = tables(t, { tcp, tcp6 })
  const pairs = [50_000, 50_001, 50_002, 50_003, 50_004, 50_005].map(
    (port) => [at('127.0.0.1', port), PROXY] as const,
  )
  const found = ownersOfTcp(pairs, folder)
  const owners = pairs.map(([near]) => found.get(pairKey(near, PROXY)))
  assert.deepEqual(owners, [1000, undefined, 'gone', 'gone', 0, 1001])
})

test('every UDP socket of a port counts, whatever it is bound to', (t) => {
  const folder = tables(t, {
    udp:
      line('0100007F:1388 00000000:0000', 1000, 1, '07') + line('0200007F:1388 00000000:0000', 1001, 2, '07'),
    udp6: line('00000000000000000000000000000000:1389 00000000000000000000000000000000:0000', 1002, 3, '07'),
  })
  const found = ownersOfUdp([5000, 5001, 5002], folder)
  assert.deepEqual([...found.values()], [[1000, 1001], [1002], []])
})

for (const host of ['127.0.0.1', '::1']) {
  test(`the kernel names the user of a real connection of ${host}, and nobody for one that is none`, async (t) => {
    const server = net.createServer().listen(0, host)
    await once(server, 'listening')
    const far = at(host, (server.address() as net.AddressInfo).port)
    const socket = net.connect(far.port, host)
    await once(socket, 'connect')
    t.after(() => {
      socket.destroy()
      server.close()
    })
    const near = at(host, socket.localPort!)
    const own = process.geteuid!()
    const key = pairKey(near, far)
    assert.equal(ownersOfTcp([[near, far]]).get(key), own)
    const diag = await sockDiag()
    assert.ok(diag)
    assert.equal(diag.tcp(near, far), own)
    assert.equal(diag.tcp(near, far), own, 'asked again')
    // Nobody connects from there: whoever listens at that port is not meant.
    const other = net.createServer().listen(0, host)
    await once(other, 'listening')
    t.after(() => other.close())
    const listening = at(host, (other.address() as net.AddressInfo).port)
    assert.equal(diag.tcp(listening, far), undefined)
    assert.equal(ownersOfTcp([[listening, far]]).size, 0)

    using owners = new SocketOwners()
    const ask = (from: Endpoint) => new Promise((resolve) => owners.tcp(from, far, resolve))
    assert.deepEqual(await Promise.all([ask(near), ask(listening), ask(at(host, 1))]), [
      own,
      undefined,
      undefined,
    ])
  })
}
