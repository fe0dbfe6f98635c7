import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import net, { type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { readChrony, readTimedatectl } from './clock-sync.ts'
import { lookAtDisk } from './disk.ts'
import { lookAtFile, lookAtFolder } from './file-access.ts'
import { askInPlain } from './first-line.ts'
import { lookAtLoad } from './load.ts'
import { denialsIn } from './lsm-denials.ts'
import { lookUp } from './names.ts'
import { lookAtLink } from './network-link.ts'
import { tooLong } from './ping.ts'
import { findProxyHints } from './proxy-hints.ts'
import { lookAtResolvers } from './resolver-file.ts'
import { runProgram } from './run-program.ts'
import { tryTcp } from './tcp.ts'

const signal = new AbortController().signal

async function folder(t: TestContext, files: Record<string, string> = {}): Promise<string> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'bs-look-'))
  t.after(() => rm(dir, { recursive: true }))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(dir, name)), { recursive: true })
    await writeFile(path.join(dir, name), content)
  }
  return dir
}

async function server(t: TestContext, answer?: string): Promise<number> {
  const listening = net.createServer((socket) => {
    socket.on('error', () => {})
    if (answer !== undefined) socket.end(answer)
  })
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  t.after(() => listening.close())
  return (listening.address() as AddressInfo).port
}

test('a file that is not there is told from one that may be read, and a folder says whether it takes files', async (t) => {
  const dir = await folder(t, { file: 'x' })
  assert.equal((await lookAtFile(path.join(dir, 'file'))).is, 'readable')
  assert.deepEqual(
    [(await lookAtFile(path.join(dir, 'none'))).is, (await lookAtFile(path.join(dir, 'file/x'))).is],
    ['missing', 'missing'],
  )
  const { is, writable, owner, uid } = await lookAtFolder(dir)
  assert.deepEqual([is, writable, owner], ['readable', true, uid])
})

test('TCP: open and refused, at once', async (t) => {
  const port = await server(t)
  assert.equal((await tryTcp('127.0.0.1', port, { signal })).is, 'open')
  const refused = await tryTcp('127.0.0.1', 1, { signal })
  assert.deepEqual([refused.is, refused.errno, refused.nextHop], ['refused', 'ECONNREFUSED', undefined])
})

test('who answers in plain HTTP is quoted, with where it sends us; anybody else is nobody', async (t) => {
  const at = { address: '127.0.0.1', host: 'edge.test' }
  const portal = await server(t, 'HTTP/1.1 302 Found\r\nLocation: http://login.example/\r\n\r\n')
  assert.deepEqual(await askInPlain({ ...at, port: portal }, { signal }), {
    firstLine: 'HTTP/1.1 302 Found',
    location: 'http://login.example/',
  })
  assert.equal(
    await askInPlain({ ...at, port: await server(t, 'SSH-2.0-OpenSSH\r\n') }, { signal }),
    undefined,
  )
  assert.equal(await askInPlain({ ...at, port: 1 }, { signal }), undefined)
  assert.equal(await askInPlain({ ...at, port: await server(t) }, { signal, timeoutMs: 50 }), undefined)
})

test('the interface of the default route, and what the kernel says of it', async (t) => {
  const columns = 'Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT'
    .split(' ')
    .join('\t')
  const route = 'wan9 00000000 0101010A 0003 0 0 0 00000000 0 0 0'.split(' ').join('\t')
  const dir = await folder(t, {
    'proc/net/route': `${columns}\n${route}\n`,
    'sys/class/net/wan9/operstate': 'down\n',
  })
  const { name, state, running } = await lookAtLink(dir)
  assert.deepEqual([name, state], ['wan9', 'down'])
  assert.ok(!running.includes('wan9') && !running.includes('lo'))
  assert.equal((await lookAtLink(path.join(dir, 'none'))).name, undefined)
})

test('a resolver that cannot even be sent to is told by its errno', async () => {
  const { servers } = await lookUp('edge.example', { servers: ['255.255.255.255'], search: [] }, { signal })
  // Without a network the kernel says so first.
  assert.match(String(servers[0]?.said), /^(EACCES|ENETUNREACH)$/)
})

test('the resolver file: three servers at most, comments and search domains', async (t) => {
  const text =
    '# nameserver 10.0.0.9\nsearch corp.example lab.example\nnameserver 10.0.0.1 # first\nnameserver\t10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n'
  const dir = await folder(t, { 'resolv.conf': text })
  const { servers, search, is } = await lookAtResolvers(path.join(dir, 'resolv.conf'))
  assert.deepEqual(
    [is, servers, search],
    ['readable', ['10.0.0.1', '10.0.0.2', '10.0.0.3'], ['corp.example', 'lab.example']],
  )
})

test('chronyc and timedatectl are read in their own words', () => {
  const slow = readChrony(
    'Reference ID    : 00000000 ()\nSystem time     : 312.400000000 seconds slow of NTP time\nLeap status     : Not synchronised\n',
  )
  assert.deepEqual([slow.slowMs, slow.synchronised], [312_400, false])
  const fine = readChrony('System time     : 0.000021 seconds fast of NTP time\nLeap status     : Normal\n')
  assert.deepEqual([Math.abs(fine.slowMs!), fine.synchronised], [0, true])
  assert.equal(readTimedatectl('NTP=yes\nNTPSynchronized=no\n').synchronised, false)
  assert.equal(readTimedatectl('System clock synchronized: yes\n').synchronised, true)
  assert.equal(readTimedatectl('').synchronised, undefined)
})

test('proxies that other programs are told to use: from variable and files, without password, each once', async (t) => {
  const dir = await folder(t, {
    environment: 'PATH="/bin"\nhttp_proxy="http://ann:secret@10.20.1.8:8080/"\nno_proxy=localhost:1234\n',
    'apt.conf':
      'Acquire::http::Proxy "http://proxy.corp.example:3128/";\n#Acquire::https::Proxy "http://old:1111/";\n',
    'proxy.sh':
      "export http_proxy='http://quoted.example:8080'\r\nexport https_proxy=https://portless.example/\nexport ftp_proxy=http://bare.example\n",
  })
  const files = ['environment', 'apt.conf', 'proxy.sh', 'none'].map((name) => path.join(dir, name))
  const found = await findProxyHints({ http_proxy: 'http://10.20.1.8:8080' }, files)
  assert.deepEqual(
    found.map(({ host, port, source }) => [`${host}:${port}`, source]),
    [
      ['10.20.1.8:8080', 'environment http_proxy'],
      ['proxy.corp.example:3128', `file ${path.join(dir, 'apt.conf')}`],
      ['quoted.example:8080', `file ${path.join(dir, 'proxy.sh')}`],
      ['portless.example:443', `file ${path.join(dir, 'proxy.sh')}`],
      ['bare.example:80', `file ${path.join(dir, 'proxy.sh')}`],
    ],
  )
})

test('the limit that ping is told is found, whoever tells it', () => {
  assert.match(tooLong('ping: local error: message too long, mtu=1400')!, /1400/)
  assert.match(tooLong('From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1380)')!, /1380/)
  assert.equal(tooLong('64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.1 ms'), undefined)
})

test('denials count only where they name us', () => {
  const log = [
    'type=AVC msg=audit(1.1:1): avc:  denied  { read } for pid=1 comm="nginx"',
    'audit: apparmor="DENIED" operation="connect" profile="/opt/backstitch/bin/node"',
    'type=AVC msg=audit(1.1:2): avc:  granted  { read } for comm="backstitch"',
  ].join('\n')
  assert.deepEqual(denialsIn(log, ['backstitch']), [log.split('\n')[1]])
})

test('disk and load of this machine: figures that can be', async (t) => {
  const dir = await folder(t)
  const disk = await lookAtDisk(path.join(dir, 'not', 'there', 'yet'))
  assert.ok(disk.path === dir && disk.totalBytes >= disk.freeBytes && disk.freeBytes > 0)
  const load = await lookAtLoad({ pid: process.pid, signal })
  assert.ok(
    load.cpus > 0 && load.memoryTotalBytes > load.memoryAvailableBytes && load.memoryAvailableBytes > 0,
  )
  assert.ok(load.descriptors!.open > 2 && load.descriptors!.limit > load.descriptors!.open)
  assert.ok(load.localPorts!.range > 1000 && load.thread!.ran >= 0 && load.thread!.ran <= 1)
})

test('a program that is not there is unknown, one that hangs is ended, one that fails says so', async () => {
  assert.equal(await runProgram('no-such-program', [], { signal }), undefined)
  assert.equal((await runProgram('sleep', ['60'], { signal, timeoutMs: 50 }))!.status, -1)
  assert.equal((await runProgram('false', [], { signal }))!.status, 1)
})
