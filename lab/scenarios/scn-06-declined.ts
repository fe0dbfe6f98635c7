/** The handshake stands still, and nobody opens TLS: who stops it, and by what does he know it? */
import { blink, printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { labProgram, NODE } from '../paths.ts'
import type { Variant } from '../scenario.ts'
import { signalPart } from '../server-parts.ts'
import { ADDRESS, EDGE_NAME } from '../topology.ts'

const PORT = 9444
const running = new WeakMap<Lab, Daemon>()

async function hold(lab: Lab, text: string): Promise<void> {
  const main = labProgram('picky-main')
  running.set(lab, lab.machines.fw.start('picky', [NODE, main, String(PORT), ADDRESS.edge, '443', text]))
  await lab.firewall.redirect(`ip saddr ${ADDRESS['connector-a']} tcp dport 443`, PORT)
  await blink(lab, lab.connectors.a)
}

async function end(lab: Lab): Promise<void> {
  await lab.firewall.clear()
  const daemon = running.get(lab)
  if (daemon !== undefined) await lab.machines.fw.stop(daemon, 'SIGKILL')
}

const HELD = { hop: 'edge', code: 'HANDSHAKE_TIMEOUT', noticeMs: 45_000, restore: end } as const

export const heldProtocol: Variant = {
  ...HELD,
  name: 'protocol',
  does: "application control on the path does not know connector-a's protocol and stalls its handshakes",
  hints: [
    'TCP connects',
    'curl -k https://edge.example.net/ works',
    'what does a ClientHello contain besides the name?',
  ],
  seen: [/without our protocol \(ALPN\).*answered/],
  inject: (lab) => hold(lab, 'backstitch-'),
  async cure(lab, finding) {
    printed(finding, /application control/)
    await end(lab)
  },
}

export const heldName: Variant = {
  ...HELD,
  name: 'name',
  does: "a web filter stalls handshakes that ask for the edge's name",
  hints: [
    'TCP connects',
    'the address without the name works',
    'what does a ClientHello contain in the clear?',
  ],
  seen: [/without the edge's name.*answered/],
  inject: (lab) => hold(lab, EDGE_NAME),
  async cure(lab, finding) {
    printed(finding, /web filter/)
    await end(lab)
  },
}

export const edgeHangs: Variant = {
  name: 'edge-hangs',
  does: 'the edge process is frozen: its kernel accepts connections, but nothing reads them',
  hints: [
    'TCP connects',
    'every handshake stalls, whatever it asks for',
    'is the path at fault, or the far end?',
  ],
  hop: 'edge',
  code: 'HANDSHAKE_TIMEOUT',
  cutsAll: true,
  seen: [/no ClientHello is answered/],
  noticeMs: 60_000,
  async inject(lab) {
    signalPart(lab, 'edge', 'SIGSTOP')
  },
  async cure(lab, finding) {
    printed(finding, /^on the edge's machine: backstitch doctor/)
    signalPart(lab, 'edge', 'SIGCONT')
  },
  restore: async (lab) => signalPart(lab, 'edge', 'SIGCONT'),
}
