import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { Cgroup } from '../../lab/cgroup.ts'
import { until } from '../../lab/daemon.ts'
import { Firewall } from '../../lab/firewall.ts'
import type { Machine } from '../../lab/machine.ts'
import { SmallDisk } from '../../lab/small-disk.ts'
import { startInspectingSquid, startSquid } from '../../lab/squid.ts'
import { ADDRESS, EDGE_NAME } from '../../lab/topology.ts'
import { needs } from '../needs.ts'
import { plant } from './plant.ts'

const NET = ['root', 'netns', 'iproute2', 'nftables', 'procps', 'util-linux'] as const
const SQUID = needs(...NET, 'squid-openssl', 'openssl', 'curl')

/** A TLS server where the edge is, with a certificate of its own. */
async function tlsServer(machine: Machine): Promise<void> {
  const files = ['-keyout', `${machine.dir}/key`, '-out', `${machine.dir}/certificate`]
  const subject = ['-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${EDGE_NAME}`]
  await machine.succeed('openssl', 'req', '-x509', ...subject, ...files)
  const own = ['-cert', `${machine.dir}/certificate`, '-key', `${machine.dir}/key`]
  const server = machine.start('tls', ['openssl', 's_server', ...own, '-accept', '443', '-www'])
  await server.until(() => server.text.includes('ACCEPT'), 'listen', 10_000)
}

/** What curl says of the way: answers of the proxy, the issuer. */
async function look(from: Machine, ...flags: string[]): Promise<string> {
  const { stderr } = await from.run('curl', '-skv', '-o', '/dev/null', ...flags, `https://${EDGE_NAME}/`)
  return stderr
}

test('squid wants to know who asks, and lets through who it knows', { skip: SQUID }, async (t) => {
  const machines = await plant(t)
  await tlsServer(machines.edge)
  const [login, port] = ['connector:correct-horse', 3128] as const
  await startSquid(machines.proxy, { address: ADDRESS.proxy, port, login, connectPorts: [443] })
  const through = (who: string) =>
    look(machines['connector-a'], '-x', `http://${who}${ADDRESS.proxy}:${port}`)
  assert.match(await through(''), /407 Proxy Authentication Required/)
  assert.match(await through('connector:wrong@'), /407 Proxy Authentication Required/)
  const known = await through(`${login}@`)
  assert.match(known, /200 Connection established/)
  assert.match(known, new RegExp(`issuer: CN=${EDGE_NAME}`))
})

test('squid opens TLS that is sent to it, and signs it with its own CA', { skip: SQUID }, async (t) => {
  const machines = await plant(t)
  await tlsServer(machines.edge)
  const subject = '/O=Zscaler Inc./CN=Zscaler Root CA'
  await startInspectingSquid(machines.fw, { port: 9443, subject })
  await new Firewall(machines.fw).redirect(`ip saddr ${ADDRESS['connector-a']} tcp dport 443`, 9443)
  assert.match(await look(machines['connector-a']), /issuer: O=Zscaler Inc\.; CN=Zscaler Root CA/)
  assert.match(await look(machines['connector-b']), new RegExp(`issuer: CN=${EDGE_NAME}`))
})

test('a small disk keeps what was there, can be full of bytes or of files, and goes away', {
  skip: needs(...NET, 'e2fsprogs'),
}, async (t) => {
  const { 'connector-a': a } = await plant(t)
  const folder = a.folder('state')
  const file = a.file('state/identity', 'as it was')
  const disk = await SmallDisk.under(folder, { bytes: 2 << 20, inodes: 32 })
  const write = (name = 'more') => a.shell(`echo more > ${folder}/${name}`)
  assert.equal(await a.succeed('cat', file), 'as it was')
  assert.equal(await a.succeed('stat', '-c', '%U %a', folder), 'nobody 700\n')
  await disk.fill()
  assert.match((await write()).stderr, /No space left/)
  disk.free()
  await disk.fillInodes()
  assert.match((await write('another')).stderr, /No space left/)
  disk.free()
  assert.equal((await write('another')).code, 0)
  await disk[Symbol.asyncDispose]()
  assert.equal(await a.succeed('ls', folder), 'identity\n')
})

test('a cgroup holds a program from its first moment, and lets it go', { skip: needs(...NET) }, async (t) => {
  const { 'connector-a': a } = await plant(t)
  const cgroup = new Cgroup(a.namespace, { memoryBytes: 64 << 20, cpuPercent: 25 })
  const daemon = a.start('loop', ['sh', '-c', 'cat /proc/self/cgroup; exec sleep 60'], {
    user: true,
    within: cgroup.within,
  })
  await until(
    () => daemon.text.includes(a.namespace),
    () => `it is in ${daemon.text}`,
    5000,
  )
  await cgroup[Symbol.asyncDispose]()
  assert.ok(!daemon.ended)
  const left = ['memory/', 'cpu/', ''].map((folder) => `/sys/fs/cgroup/${folder}${a.namespace}`)
  assert.deepEqual(left.filter(existsSync), [])
})
