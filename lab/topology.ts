/**
 * The plan of the lab: which machines there are, how they are wired, and what their addresses are.
 *
 *     user ─┐
 *           inet ── edge                     198.51.100.0/24, the outside
 *     fw ───┘ │
 *       ├── site: dns, proxy, connector-a, connector-b      10.1.1.0/24
 *       └── rack: app                                       10.1.9.0/24
 *
 * @module
 */
import { Machine } from './machine.ts'
import { succeed } from './program.ts'

export const MACHINES = [
  'inet',
  'edge',
  'user',
  'fw',
  'dns',
  'proxy',
  'connector-a',
  'connector-b',
  'app',
] as const
export type MachineName = (typeof MACHINES)[number]
export type Machines = Readonly<Record<MachineName, Machine>>

export const ADDRESS = {
  edge: '198.51.100.10',
  user: '198.51.100.30',
  fwOutside: '198.51.100.2',
  fwSite: '10.1.1.1',
  fwRack: '10.1.9.1',
  dns: '10.1.1.53',
  proxy: '10.1.1.28',
  'connector-a': '10.1.1.11',
  'connector-b': '10.1.1.12',
  app: '10.1.9.80',
} as const

export const EDGE_NAME = 'edge.example.net'
export const APP_NAME = 'app.dc1.example.com'
export const APP_PORT = 8080
export const APP_NETWORK = '10.1.9.0/24'

/** Out through the firewall as its own address, in only as an answer. What scenarios add goes into the chain `broken`. */
export const FIREWALL = `
table ip lab {
  chain blink { }
  chain broken { }
  chain forward {
    type filter hook forward priority 0; policy accept;
    jump blink
    jump broken
  }
  chain redirected {
    type nat hook prerouting priority -100;
  }
  chain nat {
    type nat hook postrouting priority 100;
    oifname "wan" masquerade
  }
}
`

export async function wire(prefix: string, dir: string): Promise<Machines> {
  const machines = Object.fromEntries(
    MACHINES.map((name) => [name, new Machine({ name, prefix, dir })]),
  ) as Machines
  try {
    await Promise.all(Object.values(machines).map((machine) => machine.boot()))
    await connect(machines)
  } catch (error) {
    await Promise.all(Object.values(machines).map((machine) => machine.halt()))
    throw error
  }
  return machines
}

async function connect(m: Machines): Promise<void> {
  await bridge(m.inet, 'inet0')
  await bridge(m.fw, 'site0', `${ADDRESS.fwSite}/24`)
  await port(m.inet, 'inet0', { to: m.edge, as: 'eth0', address: ADDRESS.edge })
  await port(m.inet, 'inet0', { to: m.user, as: 'eth0', address: ADDRESS.user })
  await port(m.inet, 'inet0', { to: m.fw, as: 'wan', address: ADDRESS.fwOutside })
  for (const name of ['dns', 'proxy', 'connector-a', 'connector-b'] as const) {
    await port(m.fw, 'site0', { to: m[name], as: 'eth0', address: ADDRESS[name] })
    await m[name].succeed('ip', 'route', 'add', 'default', 'via', ADDRESS.fwSite)
  }
  await pair(m.fw, 'rack0', m.app, 'eth0')
  await up(m.fw, 'rack0', ADDRESS.fwRack)
  await up(m.app, 'eth0', ADDRESS.app)
  await m.app.succeed('ip', 'route', 'add', 'default', 'via', ADDRESS.fwRack)
  await m.fw.succeed('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await m.fw.shell('nft -f -', { input: FIREWALL })
}

async function bridge(machine: Machine, name: string, address?: string): Promise<void> {
  await machine.succeed('ip', 'link', 'add', name, 'type', 'bridge')
  await machine.succeed('ip', 'link', 'set', name, 'up')
  if (address !== undefined) await machine.succeed('ip', 'address', 'add', address, 'dev', name)
}

/** A cable from a machine to a bridge on another. */
async function port(
  at: Machine,
  bridgeName: string,
  { to, as, address }: { to: Machine; as: string; address: string },
): Promise<void> {
  const plug = `p-${to.name}`
  await pair(at, plug, to, as)
  await at.succeed('ip', 'link', 'set', plug, 'master', bridgeName, 'up')
  await up(to, as, address)
}

async function pair(a: Machine, aName: string, b: Machine, bName: string): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', bName, 'netns', b.namespace]
  await succeed(['ip', 'link', 'add', aName, 'netns', a.namespace, ...peer])
}

async function up(machine: Machine, name: string, address: string): Promise<void> {
  await machine.succeed('ip', 'address', 'add', `${address}/24`, 'dev', name)
  await machine.succeed('ip', 'link', 'set', name, 'up')
}
