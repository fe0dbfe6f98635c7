import { LOCAL_PROXY } from '../client.ts'
import { blink, printed, runPrinted } from '../cures.ts'
import { noteGone, oneSays } from '../deep-check.ts'
import { consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import { lint } from '../lint.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'

/** Packets that the kernel would hand over in one piece, and cut later, cannot be told by their length. */
async function offload(lab: Lab, segments: number): Promise<void> {
  for (const name of ['edge', 'connector-a'] as const) {
    await lab.machines[name].succeed('ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', String(segments))
  }
}

async function wideWay(lab: Lab): Promise<void> {
  await lab.firewall.clear()
  await lab.machines['connector-a'].succeed('ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1500')
  await offload(lab, 65_535)
}

const EDGES = '198.51.100.0/24'
const TOO_BIG = 'icmp type destination-unreachable icmp code frag-needed'
/** By which the firewall sends what comes from connector-a, and nothing else. */
const TABLE = '900'

async function narrowRoute({ machines: { fw } }: Lab): Promise<void> {
  const from = ADDRESS['connector-a']
  await fw.succeed('ip', 'route', 'add', EDGES, 'dev', 'wan', 'mtu', 'lock', '900', 'table', TABLE)
  await fw.succeed('ip', 'rule', 'add', 'from', from, 'to', EDGES, 'lookup', TABLE)
  await fw.succeed('nft', 'add table ip nineties')
  await fw.succeed('nft', 'add chain ip nineties own { type filter hook output priority 0; }')
  await fw.succeed('nft', `add rule ip nineties own ip daddr ${from} ${TOO_BIG} drop`)
}

async function wideRoute({ machines: { fw, 'connector-a': a } }: Lab): Promise<void> {
  await fw.run('nft', 'delete table ip nineties')
  await fw.run('ip', 'rule', 'del', 'to', EDGES, 'lookup', TABLE)
  await fw.run('ip', 'route', 'flush', 'table', TABLE)
  await a.run('ip', 'route', 'flush', 'cache') // it was told, and remembers for ten minutes
}

const APP = `${APP_NAME}:${APP_PORT}`

/** The laptop and the edges are in one network, so it is the laptop itself that drops. */
async function narrowUser({ machines: { user } }: Lab): Promise<void> {
  await user.succeed('ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', '1')
  await user.succeed('nft', 'add table ip narrow')
  for (const [hook, which] of [
    ['postrouting', 'daddr'],
    ['prerouting', 'saddr'],
  ] as const) {
    await user.succeed('nft', `add chain ip narrow ${hook} { type filter hook ${hook} priority 0; }`)
    await user.succeed('nft', `add rule ip narrow ${hook} ip ${which} ${EDGES} meta length > 1300 drop`)
  }
}

async function wideUser({ machines: { user } }: Lab): Promise<void> {
  await user.run('nft', 'delete table ip narrow')
  await user.run('ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1500')
  await user.run('ip', 'link', 'set', 'dev', 'eth0', 'gso_max_segs', '65535')
}

export const mtu: Scenario = {
  id: 'SCN-15',
  title: 'Small messages pass, large ones stall',
  story: `The provider moved the data centre's line onto a tunnel. Tunnels add headers, so full-size packets no longer fit, and
the ICMP message that reports it is dropped by a rule from the nineties that calls ICMP dangerous. Ping works. TCP
connects. Then the edge's certificate, which is large, never arrives.`,
  variants: [
    {
      name: 'blackhole',
      does: 'packets over 1300 bytes between connector-a and the edge are silently dropped',
      hints: ['ping works', 'TCP connects', 'ping -M do -s 1400 does not work'],
      hop: 'edge',
      code: 'PATH_MTU',
      seen: [/largest that passes: 1280 bytes; 1360 bytes are lost/],
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
      cure: (lab, finding) => runPrinted(lab.connectors.a, finding, /^ip link set dev eth0 mtu 1280$/),
      restore: wideWay,
    },
    {
      name: 'no-echo',
      does: 'packets over 1300 bytes between connector-a and the edge are dropped, and so is every ping',
      hints: [
        'TCP connects',
        'no ping of any size is answered',
        'which part of a reply arrives: its beginning, or its end?',
      ],
      hop: 'edge',
      code: 'PATH_MTU',
      seen: [/no ping reply at any size/, /short reply/],
      noticeMs: 60_000,
      async inject(lab) {
        await offload(lab, 1)
        const a = ADDRESS['connector-a']
        await lab.firewall.block(
          `ip saddr ${a} ip daddr 198.51.100.0/24 icmp type echo-request drop`,
          `ip saddr ${a} ip daddr 198.51.100.0/24 meta length > 1300 drop`,
          `ip daddr ${a} ip saddr 198.51.100.0/24 meta length > 1300 drop`,
        )
        await blink(lab, lab.connectors.a)
      },
      cure: (lab, finding) =>
        runPrinted(lab.connectors.a, finding, /^ip link set dev (eth0|INTERFACE) mtu 1280$/, {
          INTERFACE: 'eth0',
        }),
      restore: wideWay,
    },
    {
      name: 'route-mtu',
      does: 'the firewall sends packets of connector-a over a route with an MTU of 900, and drops its own "too big" messages',
      hints: [
        'the handshake completes',
        'small messages pass, large ones do not, and only in one direction',
        'ip route get 198.51.100.10 from 10.1.1.11, on the firewall',
      ],
      hop: 'edge',
      code: 'PATH_MTU',
      seen: [
        /records up to \d+ bytes are answered, records of \d+ bytes and more are not/,
        /ping replies up to 800 bytes/,
      ],
      noticeMs: 60_000,
      async inject(lab) {
        await narrowRoute(lab)
        await blink(lab, lab.connectors.a)
      },
      async cure({ machines: { fw } }, finding) {
        printed(finding, /^let ICMP "fragmentation needed" and "packet too big" pass$/)
        await fw.succeed('nft', 'delete table ip nineties')
      },
      restore: wideRoute,
    },
    {
      name: 'app-blackhole',
      does: 'packets over 1300 bytes between the connectors and the application are silently dropped',
      hints: ['the page opens', 'the report on it does not', 'ping -M do -s 1400 from a connector'],
      hop: 'application',
      code: 'PATH_MTU',
      app: `${APP_NAME}:${APP_PORT}`,
      seen: [/1280 bytes pass, 1360 are silently dropped/],
      inject: (lab) =>
        lab.firewall.block(
          `ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} meta length > 1300 drop`,
          `ip daddr 10.1.1.0/24 ip saddr ${ADDRESS.app} meta length > 1300 drop`,
        ),
      noticeMs: 90_000, // it was well at the last look, and the next is half a minute later
      // A page opens, a transfer stands still: the connector that carries it looks closer.
      noticed: async (lab, since) =>
        (await lab.ask('/bytes/100000', 4)) === undefined && oneSays(lab, since, 'PATH_MTU'),
      async cure(lab, finding) {
        const { a } = lab.connectors
        await noteGone(a, 'APP_SILENT') // a deep check says why, as soon as it is
        await runPrinted(a, finding, /^ip link set dev eth0 mtu 1280$/)
        await noteGone(a, 'PATH_MTU')
      },
      restore: async (lab) => {
        await lab.firewall.clear()
        await lab.machines['connector-a'].succeed('ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1500')
      },
    },
    {
      name: 'app-user',
      does: 'the same, and the user asks on the device why an upload stalls',
      hints: ['the page opens', 'the report cannot be sent', 'backstitch doctor client --app'],
      hop: 'application',
      code: 'PATH_MTU',
      seen: [/1280 bytes pass, 1360 are silently dropped/],
      examine: ({ machines: { user } }) => consultAt(user, ['doctor', 'client', '--app', APP]),
      examinedOn: 'user',
      async inject(lab) {
        await lab.firewall.block(
          `ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} meta length > 1300 drop`,
          `ip daddr 10.1.1.0/24 ip saddr ${ADDRESS.app} meta length > 1300 drop`,
        )
        const { user } = lab.machines
        const file = user.file('report', 'x'.repeat(100_000), { uid: 0 })
        const flags = [
          '-sS',
          '--max-time',
          '300', // longer than anybody here waits: one that gives up is another story
          '--socks5-hostname',
          LOCAL_PROXY,
          '--data-binary',
          `@${file}`,
        ]
        user.start('upload', ['curl', ...flags, `http://${APP}/`])
      },
      noticeMs: 40_000,
      // The connector finds it by its own checks; the client mostly does, too, before anybody asks the doctor there.
      noticed: async (lab) => (await lab.clientStatus()).includes('PATH_MTU'),
      async cure(lab, finding) {
        printed(finding, /^Let ICMP "fragmentation needed" pass/)
        await lab.firewall.clear()
        await noteGone(lab.connectors.a, 'PATH_MTU')
        await noteGone(lab.connectors.b, 'PATH_MTU')
      },
      restore: (lab) => lab.firewall.clear(),
    },
    {
      name: 'device',
      does: "packets over 1300 bytes between the user's laptop and the edges are silently dropped",
      hints: ['other users connect', 'sign-in works', 'backstitch doctor client on the laptop'],
      hop: 'edge',
      code: 'PATH_MTU',
      seen: [/largest that passes: \d+ bytes; \d+ bytes are lost/],
      examine: ({ machines: { user } }) => consultAt(user, ['doctor', 'client', '--app', APP]),
      examinedOn: 'user',
      inject: narrowUser,
      noticeMs: 90_000,
      noticed: async (lab) => {
        await lab.ask('/bytes/100000', 10)
        return (await lab.clientStatus()).includes('PATH_MTU')
      },
      cutsAll: true,
      async cure(lab, finding) {
        printed(finding, /mtu 1280/)
        await lab.machines.user.succeed('ip', 'link', 'set', 'dev', 'eth0', 'mtu', '1280')
        await lab.serves(60_000)
      },
      restore: wideUser,
    },
    {
      name: 'two-lanes',
      does: "a segment and an internet rule both claim the application's name",
      hints: ['it works, but not for the reason you think', 'who claims that name?', 'backstitch lint'],
      hop: 'control',
      code: 'NAME_IN_TWO_LANES',
      seen: [/app\.dc1\.example\.com/],
      examine: (lab) => lint(lab, 'NAME_IN_TWO_LANES'),
      examinedOn: 'edge',
      noticed: async (lab) => {
        await lab.ask()
        return (await lab.clientStatus()).includes('NAME_IN_TWO_LANES')
      },
      inject: (lab) => lab.declare({ kind: 'internet-rule', name: 'straight', domains: [APP_NAME] }),
      cure: async (lab) => void (await lab.admin('delete', 'internet-rule', 'straight')), // one lane keeps the name
      restore: async (lab) => void (await lab.admin('delete', 'internet-rule', 'straight').catch(() => '')),
    },
  ],
}
