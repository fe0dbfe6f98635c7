/**
 * The plan of the lab: which machines there are, how they are wired, and what their addresses are.
 *
 *     user ─┐
 *           inet ── edge, edge2                             198.51.100.0/24, the outside
 *           │ │
 *     fw ───┘ └── fw2                                       two data centres; the second is switched on when needed
 *      │           ├── site: dns2, connector-c              10.2.1.0/24
 *      │           └── rack: app2                           10.2.9.0/24
 *      ├── site: dns, proxy, connector-a, connector-b       10.1.1.0/24
 *      └── rack: app                                        10.1.9.0/24
 *
 * @module
 */
import { Machine } from './machine.ts'
import { succeed } from './program.ts'

export const MACHINES = [
  'inet',
  'edge',
  'edge2',
  'user',
  'fw',
  'dns',
  'proxy',
  'connector-a',
  'connector-b',
  'app',
  'fw2',
  'dns2',
  'connector-c',
  'app2',
] as const
export type MachineName = (typeof MACHINES)[number]
export type Machines = Readonly<Record<MachineName, Machine>>

export const ADDRESS = {
  edge: '198.51.100.10',
  edge2: '198.51.100.20',
  user: '198.51.100.30',
  fwOutside: '198.51.100.2',
  fwSite: '10.1.1.1',
  fwRack: '10.1.9.1',
  dns: '10.1.1.53',
  proxy: '10.1.1.28',
  'connector-a': '10.1.1.11',
  'connector-b': '10.1.1.12',
  app: '10.1.9.80',
  fw2Outside: '198.51.100.4',
  fw2Site: '10.2.1.1',
  fw2Rack: '10.2.9.1',
  dns2: '10.2.1.53',
  'connector-c': '10.2.1.11',
  app2: '10.2.9.80',
} as const

/** Connector group, and server group, of the first data centre. */
export const GROUP = 'dc1'
export const EDGE_NAME = 'edge.example.net'
export const EDGE2_NAME = 'edge2.example.net'
export const APP_NAME = 'app.dc1.example.com'
export const APP_PORT = 8080
export const APP_NETWORK = '10.1.9.0/24'
/** The same application stands in both data centres. */
export const APP2_NETWORK = '10.2.9.0/24'

/** From which bridge each machine hangs, and by what: the port of the bridge is `p-` and the name of the machine. */
export const CABLES = {
  edge: { at: 'inet', bridge: 'inet0', device: 'eth0' },
  edge2: { at: 'inet', bridge: 'inet0', device: 'eth0' },
  user: { at: 'inet', bridge: 'inet0', device: 'eth0' },
  fw: { at: 'inet', bridge: 'inet0', device: 'wan' },
  dns: { at: 'fw', bridge: 'site0', device: 'eth0' },
  proxy: { at: 'fw', bridge: 'site0', device: 'eth0' },
  'connector-a': { at: 'fw', bridge: 'site0', device: 'eth0' },
  'connector-b': { at: 'fw', bridge: 'site0', device: 'eth0' },
  app: { at: 'fw', bridge: 'rack0', device: 'eth0' },
  fw2: { at: 'inet', bridge: 'inet0', device: 'wan' },
  dns2: { at: 'fw2', bridge: 'site0', device: 'eth0' },
  'connector-c': { at: 'fw2', bridge: 'site0', device: 'eth0' },
  app2: { at: 'fw2', bridge: 'rack0', device: 'eth0' },
} as const satisfies Readonly<
  Partial<Record<MachineName, { at: MachineName; bridge: string; device: string }>>
>
export type CableName = keyof typeof CABLES

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
  await bridge(m.fw, 'rack0', `${ADDRESS.fwRack}/24`)
  await bridge(m.fw2, 'site0', `${ADDRESS.fw2Site}/24`)
  await bridge(m.fw2, 'rack0', `${ADDRESS.fw2Rack}/24`)
  for (const name of Object.keys(CABLES) as CableName[]) await plugIn(m, name)
  const gateways = {
    ...{ dns: ADDRESS.fwSite, proxy: ADDRESS.fwSite, app: ADDRESS.fwRack },
    ...{ 'connector-a': ADDRESS.fwSite, 'connector-b': ADDRESS.fwSite },
    ...{ dns2: ADDRESS.fw2Site, 'connector-c': ADDRESS.fw2Site, app2: ADDRESS.fw2Rack },
  }
  for (const [name, gateway] of Object.entries(gateways)) {
    await m[name as MachineName].succeed('ip', 'route', 'add', 'default', 'via', gateway)
  }
  for (const fw of [m.fw, m.fw2]) {
    // One refusal for each packet: the kernel says no more than one a second to the same machine, and many may ask.
    await fw.succeed('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.icmp_ratelimit=0')
    await fw.shell('nft -f -', { input: FIREWALL })
  }
}

async function bridge(machine: Machine, name: string, address?: string): Promise<void> {
  await machine.succeed('ip', 'link', 'add', name, 'type', 'bridge')
  await machine.succeed('ip', 'link', 'set', name, 'up')
  if (address !== undefined) await machine.succeed('ip', 'address', 'add', address, 'dev', name)
}

async function plugIn(m: Machines, name: CableName): Promise<void> {
  const { at, bridge: to, device } = CABLES[name]
  const address = name === 'fw' ? ADDRESS.fwOutside : name === 'fw2' ? ADDRESS.fw2Outside : ADDRESS[name]
  const plug = `p-${name}`
  const peer = ['type', 'veth', 'peer', 'name', device, 'netns', m[name].namespace]
  await succeed(['ip', 'link', 'add', plug, 'netns', m[at].namespace, ...peer])
  await m[at].succeed('ip', 'link', 'set', plug, 'master', to, 'up')
  await m[name].succeed('ip', 'address', 'add', `${address}/24`, 'dev', device)
  await m[name].succeed('ip', 'link', 'set', device, 'up')
}
