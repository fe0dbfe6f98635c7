import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { FiguresReader } from './figures-reader.ts'

test('figures are still read when not one file can be opened any more', () => {
  const script = `
    import { openSync } from 'node:fs'
    import { FiguresReader } from '${path.join(import.meta.dirname, 'figures-reader.ts')}'
    const reader = new FiguresReader()
    const unread = new FiguresReader()
    const before = await reader.read()
    try { for (;;) openSync('/dev/null') } catch {}
    const after = await reader.read()
    const first = await unread.read()
    console.log(JSON.stringify({ before, after, first }))`
  const node = `ulimit -n 64 && exec ${process.execPath} --disable-warning=ExperimentalWarning --input-type=module -e "$0"`
  const child = spawnSync('sh', ['-c', node, script], { encoding: 'utf8', timeout: 20_000 })
  assert.equal(child.status, 0, child.stderr)
  const { before, after, first } = JSON.parse(child.stdout)
  assert.ok(before.fds < 64)
  assert.equal(after.fds, 64)
  assert.equal(after.fdLimit, 64)
  assert.deepEqual([first.fds, first.fdLimit], [64, 64], 'also where none was read before')
  assert.ok(after.rssBytes >= before.rssBytes && before.rssBytes > 0)
})

test('local ports are counted one by one when they may be short: each once, and only those of the range', async (t) => {
  const proc = mkdtempSync(path.join(tmpdir(), 'proc-'))
  t.after(() => rmSync(proc, { recursive: true }))
  const put = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(proc, name)), { recursive: true })
    writeFileSync(path.join(proc, name), text)
  }
  const head =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
  const row = (at: number, port: string) =>
    `${String(at).padStart(4)}: 0100007F:${port} 0100007F:1F90 06 00000000:00000000 03:00000000 00000000     0\n`
  put('sys/net/ipv4/ip_local_port_range', '32768\t32777\n')
  put(
    'net/tcp',
    head + row(0, '8000') + row(1, '8000') + row(10_000, '8009') + row(3, '1F90') + row(4, '800A'),
  )
  put(
    'net/tcp6',
    `${head}   0: 00000000000000000000000001000000:8001 00000000000000000000000001000000:0050 06\n`,
  )
  const used = async (sockets: number) => {
    put('net/sockstat', `TCP: inuse 1 orphan 0 tw ${sockets - 1} alloc 1 mem 0\n`)
    const { portsUsed, portsTotal } = await new FiguresReader({ proc }).read()
    return [portsUsed, portsTotal]
  }
  assert.deepEqual(await used(6), [3, 10])
  assert.deepEqual(await used(4), [4, 10], 'far from full it is the number of sockets')
})
