import type { Lab } from './lab.ts'
import { ADDRESS } from './topology.ts'

const ROUTES = '101'

/** From the firewall straight to connector-a, and only what comes from that machine takes it. */
export async function secondCable(lab: Lab, from: 'edge' | 'app'): Promise<void> {
  const { fw, 'connector-a': a } = lab.machines
  const peer = ['type', 'veth', 'peer', 'name', 'eth1', 'netns', a.namespace]
  await fw.succeed('ip', 'link', 'add', 'alt0', ...peer)
  await fw.shell('ip address add 10.1.5.1/24 dev alt0; ip link set alt0 up')
  await a.shell('ip address add 10.1.5.11/24 dev eth1; ip link set eth1 up')
  await a.succeed('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.eth1.rp_filter=1')
  const to = ADDRESS['connector-a']
  const back = `ip route add ${to} via 10.1.5.11 dev alt0 table ${ROUTES}`
  await fw.succeed('bash', '-c', `${back} && ip rule add from ${ADDRESS[from]} to ${to} lookup ${ROUTES}`)
}

export async function pullSecondCable({ machines: { fw } }: Lab): Promise<void> {
  await fw.shell(`ip rule del lookup ${ROUTES}; ip link del alt0`)
}
