import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import type { AppFacts } from '../src/doctor/facts.ts'
import { needs } from './needs.ts'

const ROOT = path.resolve(import.meta.dirname, '..')
const LOOK = `
  import { lookAtApplication } from '${ROOT}/src/doctor/application.ts'
  const target = { host: '10.9.9.9', port: 5555, networks: [] }
  console.log(JSON.stringify(await lookAtApplication(target, { servers: [] }, new AbortController().signal)))`

test('an application that answers by another interface: what was dropped is counted, the way there is named', {
  skip: needs('netns'),
}, (t) => {
  const [here, there] = [`bs-rp-${process.pid}-a`, `bs-rp-${process.pid}-b`]
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' })
  const inside = (name: string, ...args: string[]) => ip('netns', 'exec', name, ...args)
  for (const name of [here, there]) {
    ip('netns', 'add', name)
    t.after(() => ip('netns', 'del', name))
  }
  for (const [number, link] of ['v1', 'v2'].entries()) {
    ip('link', 'add', link, 'netns', here, 'type', 'veth', 'peer', 'name', link, 'netns', there)
    ip('-n', here, 'addr', 'add', `10.9.${number}.1/24`, 'dev', link)
    ip('-n', there, 'addr', 'add', `10.9.${number}.2/24`, 'dev', link)
    for (const name of [here, there]) ip('-n', name, 'link', 'set', link, 'up')
    inside(here, 'sysctl', '-qw', `net.ipv4.conf.${link}.rp_filter=1`)
  }
  ip('-n', there, 'link', 'set', 'lo', 'up')
  ip('-n', there, 'addr', 'add', '10.9.9.9/32', 'dev', 'lo')
  ip('-n', here, 'route', 'add', '10.9.9.9', 'via', '10.9.0.2')
  ip('-n', there, 'route', 'del', '10.9.0.0/24')
  ip('-n', there, 'route', 'add', '10.9.0.0/24', 'via', '10.9.1.1')
  const mac = /link\/ether (\S+)/.exec(ip('-n', here, 'link', 'show', 'v2'))![1]!
  ip('-n', there, 'neigh', 'replace', '10.9.1.1', 'dev', 'v2', 'lladdr', mac)

  const node = path.join(ROOT, 'bin/node')
  const facts: AppFacts = JSON.parse(inside(here, node, '--input-type=module', '--eval', LOOK))
  assert.equal(facts.attempts[0]!.is, 'silent')
  assert.ok(facts.returnPath!.filtered > 0)
  assert.match(facts.returnPath!.route!, /10\.9\.9\.9 via 10\.9\.0\.2 dev v1 src 10\.9\.0\.1/)
})
