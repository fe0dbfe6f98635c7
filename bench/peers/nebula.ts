/**
 * Nebula with a relay: user (this namespace) ↔ relay namespace ↔ application namespace.
 *
 * The same trust shape as ours at the packet level: the ends encrypt, the relay passes what it cannot read.
 * The two ends share no network and the relay forwards no IP packets, so whatever arrives came by the relay;
 * its log line about the relay being set up is checked as well.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Application } from '../application.ts'
import { type Child, Children } from '../children.ts'
import { run } from '../isolation.ts'
import type { Path, Peer, Site } from '../path.ts'

const PORT = 4242

export const nebula = peer('nebula', { mtu: 1300, underlayMtu: 1500, net: 1 })
/** What jumbo frames on both legs would give it; rarely to be had between sites. */
export const nebulaJumbo = peer('nebula-jumbo', { mtu: 8000, underlayMtu: 9000, net: 2 })

interface Shape {
  /** Of the tunnel device, and of the wires below it. */
  readonly mtu: number
  readonly underlayMtu: number
  /** Third byte of the overlay addresses; keeps two Nebulas apart. */
  readonly net: number
}

function peer(name: string, shape: Shape): Peer {
  return {
    name,
    title: `Nebula with a relay, MTU ${shape.mtu}`,
    protection: 'end to end',
    commands: ['nebula', 'nebula-cert', 'ip', '/dev/net/tun'],
    packages: ['nebula', 'iproute2'],
    lacks: 'access to one application alone, policy, records',
    needsNamespace: true,
    start: (site) => start(name, shape, site),
  }
}

async function start(name: string, { mtu, underlayMtu, net }: Shape, { dir }: Site): Promise<Path> {
  const [relay, app] = [`${name}-relay`, `${name}-app`]
  const cleanUp: (() => unknown)[] = []
  const children = new Children(dir)
  cleanUp.unshift(() => children[Symbol.asyncDispose]())
  const dispose = async () => {
    for (const undo of cleanUp) await undo()
  }
  try {
    for (const namespace of [relay, app]) {
      run('ip', ['netns', 'add', namespace])
      cleanUp.push(() => run('ip', ['netns', 'delete', namespace]))
      inside(namespace, ['ip', 'link', 'set', 'lo', 'up'])
    }
    wire({ name: `n${net}u`, subnet: `10.${net}.1`, relay, underlayMtu })
    wire({ name: `n${net}a`, subnet: `10.${net}.2`, relay, end: app, underlayMtu })
    inside(relay, ['sysctl', '-qw', 'net.ipv4.ip_forward=0'])

    const overlay = `192.168.${100 + net}`
    makeCertificates(dir, overlay)
    const part = async (part: string, host: number, settings: string, namespace?: string) => {
      const file = path.join(dir, `${part}.yml`)
      const lighthouses = [1, 2].map((leg) => `"10.${net}.${leg}.1:${PORT}"`)
      writeFileSync(
        file,
        common(dir, part, { mtu, device: `nebula${net}${part[0]}`, settings, overlay, lighthouses }),
      )
      const child = children.start(part, ['nebula', '-config', file], { namespace })
      await children.until(child, () => hasAddress(`${overlay}.${host}`, namespace), 'bring its device up')
      const device = `nebula${net}${part[0]}`
      const route = [
        'ip',
        'route',
        'replace',
        `${overlay}.0/24`,
        'dev',
        device,
        'src',
        `${overlay}.${host}`,
        'congctl',
        'cubic',
      ]
      inside(namespace, route)
      return child
    }
    const relayChild = await part('relay', 1, RELAY, relay)
    const appChild = await part('application', 3, end(overlay, `relays: ["${overlay}.1"]`), app)
    const userChild = await part('user', 2, end(overlay), undefined)

    const application = await Application.start(path.join(dir, 'far'), {
      host: `${overlay}.3`,
      namespace: app,
    })
    cleanUp.splice(1, 0, () => application[Symbol.asyncDispose]())
    await children.listening(userChild, application.at.echo, 20_000)
    await children.until(relayChild, () => isRelaying(relayChild), 'set its relay up')
    return {
      to: application.at,
      processes: { client: [userChild.pid], edge: [relayChild.pid], connector: [appChild.pid] },
      note: 'a network, not a session: it has no per-application policy, and its CPU includes IP and TCP of the overlay',
      children,
      [Symbol.asyncDispose]: dispose,
    }
  } catch (error) {
    await dispose()
    throw error
  }
}

/** A veth pair from `end` (this namespace when absent) to the relay: .2 here, .1 there. */
function wire(o: { name: string; subnet: string; relay: string; end?: string; underlayMtu: number }): void {
  const far = `${o.name}r`
  run('ip', ['link', 'add', o.name, 'type', 'veth', 'peer', 'name', far])
  run('ip', ['link', 'set', far, 'netns', o.relay])
  if (o.end) run('ip', ['link', 'set', o.name, 'netns', o.end])
  for (const [namespace, device, host] of [
    [o.end, o.name, 2],
    [o.relay, far, 1],
  ] as const) {
    inside(namespace, ['ip', 'address', 'add', `${o.subnet}.${host}/24`, 'dev', device])
    inside(namespace, ['ip', 'link', 'set', device, 'mtu', `${o.underlayMtu}`, 'up'])
  }
}

function inside(namespace: string | undefined, command: readonly string[]): string {
  return namespace ? run('ip', ['netns', 'exec', namespace, ...command]) : run(command[0]!, command.slice(1))
}

function hasAddress(address: string, namespace: string | undefined): boolean {
  return inside(namespace, ['ip', '-o', 'address']).includes(` ${address}/`)
}

function isRelaying(relay: Child): boolean {
  return /CreateRelayRequest/.test(readFileSync(relay.logFile, 'utf8'))
}

function makeCertificates(dir: string, overlay: string): void {
  mkdirSync(dir, { recursive: true })
  const [authority, key] = [path.join(dir, 'ca.crt'), path.join(dir, 'ca.key')]
  run('nebula-cert', ['ca', '-name', 'bench', '-out-crt', authority, '-out-key', key])
  for (const [host, name] of [
    [1, 'relay'],
    [2, 'user'],
    [3, 'application'],
  ] as const) {
    const out = ['-out-crt', path.join(dir, `${name}.crt`), '-out-key', path.join(dir, `${name}.key`)]
    const signer = ['-ca-crt', authority, '-ca-key', key]
    run('nebula-cert', ['sign', ...signer, '-name', name, '-ip', `${overlay}.${host}/24`, ...out])
  }
}

const RELAY = `lighthouse: { am_lighthouse: true }
relay: { am_relay: true, use_relays: false }
`

function end(overlay: string, relays = ''): string {
  return `lighthouse: { am_lighthouse: false, hosts: ["${overlay}.1"] }
relay: { am_relay: false, use_relays: true${relays && `, ${relays}`} }
`
}

interface Part {
  readonly mtu: number
  readonly device: string
  readonly settings: string
  readonly overlay: string
  readonly lighthouses: readonly string[]
}

function common(dir: string, part: string, { mtu, device, settings, overlay, lighthouses }: Part): string {
  // Each end sees one leg only, so it is told only the address it can reach.
  const known = {
    relay: '',
    user: `"${overlay}.1": [${lighthouses[0]}]`,
    application: `"${overlay}.1": [${lighthouses[1]}]`,
  }
  return `pki: { ca: ${dir}/ca.crt, cert: ${dir}/${part}.crt, key: ${dir}/${part}.key }
static_host_map: { ${known[part as keyof typeof known]} }
${settings}listen: { host: 0.0.0.0, port: ${part === 'relay' ? PORT : 0}, read_buffer: 8388608, write_buffer: 8388608 }
cipher: aes
punchy: { punch: false }
tun: { dev: ${device}, mtu: ${mtu}, tx_queue: 500, drop_local_broadcast: true, drop_multicast: true }
logging: { level: info, format: text }
firewall:
  outbound: [{ port: any, proto: any, host: any }]
  inbound: [{ port: any, proto: any, host: any }]
`
}
