import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { AppFacts } from '../src/doctor/facts.ts'
import type { HalfOpen } from '../src/probe/half-open.ts'
import { needs } from './needs.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const LOOK = `
  import { lookAtApplication } from '${ROOT}/src/doctor/application-look.ts'
  const target = { host: '10.9.9.9', port: 5555, networks: [] }
  console.log(JSON.stringify(await lookAtApplication(target, { servers: [] }, { before: Promise.resolve([]), signal: new AbortController().signal })))`

const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
const inside = (name: string, ...args: string[]) => ip('netns', 'exec', name, ...args)
let worlds = 0

/** This machine, and one with the application, which nothing listens for: two cables between them. */
function twoMachines(t: TestContext): { here: string; there: string } {
  const world = `bs-rp-${process.pid}-${++worlds}`
  const [here, there] = [`${world}a`, `${world}b`]
  for (const name of [here, there]) {
    ip('netns', 'add', name)
    t.after(() => ip('netns', 'del', name))
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }
  for (const [number, link] of ['v1', 'v2'].entries()) {
    ip('link', 'add', link, 'netns', here, 'type', 'veth', 'peer', 'name', link, 'netns', there)
    ip('-n', here, 'addr', 'add', `10.9.${number}.1/24`, 'dev', link)
    ip('-n', there, 'addr', 'add', `10.9.${number}.2/24`, 'dev', link)
    for (const name of [here, there]) ip('-n', name, 'link', 'set', link, 'up')
    inside(here, 'sysctl', '-qw', `net.ipv4.conf.${link}.rp_filter=1`)
  }
  ip('-n', there, 'addr', 'add', '10.9.9.9/32', 'dev', 'lo')
  ip('-n', here, 'route', 'add', '10.9.9.9', 'via', '10.9.0.2')
  return { here, there }
}

function look(here: string): AppFacts {
  const node = path.join(ROOT, 'bin/node')
  return JSON.parse(inside(here, node, '--input-type=module', '--eval', LOOK))
}

const nft = (name: string, ...lines: string[]) => {
  for (const line of lines) inside(name, 'nft', line)
}

test('an application that answers by another interface: what was dropped is counted, the way there is named', {
  skip: needs('netns'),
}, (t) => {
  const { here, there } = twoMachines(t)
  ip('-n', there, 'route', 'del', '10.9.0.0/24')
  ip('-n', there, 'route', 'add', '10.9.0.0/24', 'via', '10.9.1.1')
  const mac = /link\/ether (\S+)/.exec(ip('-n', here, 'link', 'show', 'v2'))![1]!
  ip('-n', there, 'neigh', 'replace', '10.9.1.1', 'dev', 'v2', 'lladdr', mac)

  const { attempts, returnPath } = look(here)
  assert.equal(attempts[0]!.is, 'silent')
  assert.ok(returnPath!.filtered >= 9, JSON.stringify(returnPath))
  assert.equal(returnPath!.dropped, 0)
  assert.match(returnPath!.route!, /10\.9\.9\.9 via 10\.9\.0\.2 dev v1 src 10\.9\.0\.1/)
})

test('a firewall on this machine that drops the answers is told from one that drops what is sent', {
  skip: needs('netns'),
}, (t) => {
  const { here, there } = twoMachines(t)
  nft(here, 'add table ip own', 'add chain ip own in { type filter hook input priority 0; }')
  nft(here, 'add rule ip own in tcp sport 5555 drop')
  const { attempts, returnPath } = look(here)
  assert.equal(attempts[0]!.is, 'silent')
  assert.ok(returnPath!.dropped >= 9, JSON.stringify(returnPath))
  assert.equal(returnPath!.filtered + returnPath!.refused, 0)

  nft(here, 'delete table ip own')
  nft(there, 'add table ip far', 'add chain ip far in { type filter hook input priority 0; }')
  nft(there, 'add rule ip far in tcp dport 5555 drop')
  assert.equal(look(here).returnPath, undefined)
})

test('answers from another address than was asked: this machine refuses them, and they are counted', {
  skip: needs('netns'),
}, (t) => {
  const { here, there } = twoMachines(t)
  const listen = `require('node:net').createServer().listen(5555, '10.9.9.9').unref(); setTimeout(() => {}, 9000)`
  const listener = execFileSync('bash', [
    '-c',
    `ip netns exec ${there} ${path.join(ROOT, 'bin/node')} -e "${listen}" >/dev/null 2>&1 & echo $!`,
  ])
  t.after(() => process.kill(Number(listener)))
  nft(there, 'add table ip far', 'add chain ip far out { type filter hook output priority 0; }')
  nft(there, 'add rule ip far out tcp sport 5555 ip saddr set 10.9.0.2')
  const { attempts, returnPath } = look(here)
  assert.equal(attempts[0]!.is, 'silent', JSON.stringify(attempts))
  assert.ok(returnPath!.refused >= 9, JSON.stringify(returnPath))
  assert.equal(returnPath!.filtered + returnPath!.dropped, 0)
})

/** What the doctor of a connector says whose proxy is 10.9.9.9:5555. */
const EXAMINE = `
  import { examine } from '${ROOT}/src/doctor/examine.ts'
  const edge = { host: '198.51.100.1', port: 443, source: 'the test' }
  const patient = { role: 'connector', stateDir: '/nonexistent', proxyFile: '/nonexistent', edge }
  const egress = { flag: 'http://10.9.9.9:5555', env: {}, file: '/nonexistent' }
  const report = await examine({ patient, given: {}, egress, signal: new AbortController().signal })
  const found = report.checks.find(({ check }) => check === 'proxy')
  console.log(JSON.stringify(found))
  process.exit()`

function proxyCheck(here: string): Record<string, unknown> {
  return JSON.parse(inside(here, path.join(ROOT, 'bin/node'), '--input-type=module', '--eval', EXAMINE))
}

test('a proxy whose answers this machine drops, or that answers by another interface, is not called absent', {
  skip: needs('netns'),
}, (t) => {
  const { here, there } = twoMachines(t)
  nft(here, 'add table ip own', 'add chain ip own in { type filter hook input priority 0; }')
  nft(here, 'add rule ip own in tcp sport 5555 drop')
  const own = JSON.stringify(proxyCheck(here))
  assert.match(own, /PROXY_UNREACHABLE/)
  assert.match(own, /Replies from the proxy reach this machine, and its own firewall drops them/)

  nft(here, 'delete table ip own')
  ip('-n', there, 'route', 'del', '10.9.0.0/24')
  ip('-n', there, 'route', 'add', '10.9.0.0/24', 'via', '10.9.1.1')
  const mac = /link\/ether (\S+)/.exec(ip('-n', here, 'link', 'show', 'v2'))![1]!
  ip('-n', there, 'neigh', 'replace', '10.9.1.1', 'dev', 'v2', 'lladdr', mac)
  const other = JSON.stringify(proxyCheck(here))
  assert.match(other, /RETURN_PATH_ASYMMETRIC/)
  assert.match(other, /Replies from the proxy arrive on a different interface/)
})

test('whose answers do not get back to them is seen at the port that they come to, and who was answered is not', {
  skip: needs('netns'),
}, async (t) => {
  const { here, there } = twoMachines(t)
  const run = (name: string, script: string) => {
    const child = spawn(
      'ip',
      ['netns', 'exec', name, path.join(ROOT, 'bin/node'), '--input-type=module', '-e', script],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    t.after(() => child.kill('SIGKILL'))
    return once(child.stdout, 'data')
  }
  await run(
    here,
    `import net from 'node:net'
    net.createServer((s) => s.on('error', () => {})).listen(443, '0.0.0.0', () => console.log('listens'))`,
  )
  const knock = `import net from 'node:net'
    for (const localAddress of ['10.9.0.2', '10.9.9.9'])
      net.connect({ host: '10.9.0.1', port: 443, localAddress }).on('error', () => {})
    console.log('knocks'); setInterval(() => {}, 1000)`
  const seen = () => {
    const look = `import { lookAtHalfOpen } from '${ROOT}/src/probe/half-open.ts'
      console.log(JSON.stringify(await lookAtHalfOpen(443, new AbortController().signal)))`
    return JSON.parse(
      inside(here, path.join(ROOT, 'bin/node'), '--input-type=module', '--eval', look),
    ) as HalfOpen
  }
  nft(here, 'add table ip own', 'add chain ip own out { type filter hook output priority 0; }')
  nft(here, 'add rule ip own out tcp sport 443 drop')
  await run(there, knock)
  const broken = seen()
  assert.deepEqual([...broken.peers].sort(), ['10.9.0.2', '10.9.9.9'])
  assert.equal(broken.standing, 0)
  assert.match(broken.saw[0]!, /^10\.9\.0\.1:443 10\.9\.\d\.\d:\d+ syn-recv$/)

  nft(here, 'delete table ip own')
  for (let mended = seen(); ; mended = seen()) {
    if (mended.standing === 2 && mended.peers.length === 0) break
  }
})
