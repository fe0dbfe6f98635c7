import { blink, runPrinted } from '../cures.ts'
import type { Lab } from '../lab.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS } from '../topology.ts'

/** Packets that the kernel would hand over in one piece, and cut later, cannot be told by their length. */
async function offload(lab: Lab, segments: number): Promise<void> {
  for (const name of ['edge', 'connector-a'] as const) {
    await lab.machines[name].succeed('ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', String(segments))
  }
}

export const mtu: Scenario = {
  id: 'SCN-15',
  title: 'Small things work, large ones stand still',
  story: `The provider moved the line of the data centre onto a tunnel. Tunnels have headers, so packets that fitted do
not fit any more, and the message that would say so is dropped by a rule from the nineties that calls ICMP dangerous.
Ping works. TCP connects. Then the certificate of the edge, which is a large thing, never arrives.`,
  variants: [
    {
      name: 'blackhole',
      does: 'packets over 1300 bytes between connector-a and the edge vanish without a word',
      hints: ['ping works', 'TCP connects', 'ping -M do -s 1400 does not work'],
      hop: 'edge',
      code: 'PATH_MTU',
      seen: [/largest that passes 1280 bytes, 1360 is lost/],
      noticeMs: 60_000,
      async inject(lab) {
        await offload(lab, 1)
        const a = ADDRESS['connector-a']
        await lab.firewall.block(
          `ip saddr ${a} ip daddr 198.51.100.0/24 meta length > 1300 drop`,
          `ip daddr ${a} ip saddr 198.51.100.0/24 meta length > 1300 drop`,
        )
        await blink(lab, lab.connectors.a)
      },
      cure: (lab, finding) =>
        runPrinted(lab.connectors.a, finding, /^ip link set dev INTERFACE mtu 1280$/, { INTERFACE: 'eth0' }),
      async restore(lab) {
        await lab.firewall.clear()
        await lab.machines['connector-a'].succeed('ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1500')
        await offload(lab, 65_535)
      },
    },
  ],
}
