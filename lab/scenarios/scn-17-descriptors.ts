/** Somebody has no descriptor left for those who come: whoever looks from elsewhere sees a connection that ends, or nothing. */
import { printed } from '../cures.ts'
import { descriptorsAgain, holderOf, noMoreDescriptors } from '../descriptors.ts'
import { consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Machine } from '../machine.ts'
import type { Variant } from '../scenario.ts'
import { partOf } from '../server-parts.ts'
import { traced } from '../trace.ts'

const PORT = 443
const ROLES = 'backstitch-(edge|server|client)'
const limited = new WeakMap<Lab, { readonly machine: Machine; readonly pid: number }>()

async function limit(lab: Lab, machine: Machine, pid: number): Promise<void> {
  limited.set(lab, { machine, pid })
  await noMoreDescriptors(machine, pid)
}

async function unlimit(lab: Lab): Promise<void> {
  const { machine, pid } = limited.get(lab)!
  await descriptorsAgain(machine, pid)
}

const common = {
  code: 'FD_EXHAUSTED',
  seen: [/process \d+ has \d+ of \d+ open/],
  async cure(lab, finding) {
    printed(finding, new RegExp(`^systemctl edit ${ROLES}, with: LimitNOFILE=65536$`))
    await unlimit(lab) // the limit that is printed, without the restart
  },
  restore: unlimit,
} as const satisfies Partial<Variant>

const isSaid = (text: string) => text.includes('"descriptors.exhausted"')

export const ofEdge: Variant = {
  ...common,
  name: 'descriptors-edge',
  does: 'a remote edge may open no more files than it has open already',
  hints: [
    'its port is open, but each connection is closed at once',
    'who holds the port?',
    'ls /proc/PID/fd | wc -l; prlimit',
  ],
  hop: 'edge',
  examine: (lab) => lab.secondEdge.consult(),
  examinedOn: 'edge2',
  async inject(lab) {
    await lab.secondEdge.start()
    await limit(lab, lab.machines.edge2, await holderOf(lab.machines.edge2, PORT))
  },
  noticed: async (lab) => isSaid(lab.secondEdge.daemon!.text),
}

function ofServer(o: Pick<Variant, 'name' | 'does' | 'hints' | 'hop'>, part: 'edge' | 'control'): Variant {
  return {
    ...{ ...common, ...o },
    async examine({ machines: { edge } }) {
      const said = await consultAt(edge, ['doctor', 'server', '--state', `${edge.dir}/server`])
      return { ...said, command: 'sudo backstitch doctor server' }
    },
    examinedOn: 'edge',
    inject: (lab) => limit(lab, lab.machines.edge, partOf(lab, part)),
    noticed: async (lab) => isSaid(lab.server.text),
  }
}

export const ofServerEdge = ofServer(
  {
    name: 'descriptors-front',
    does: 'the edge of the server may open no more files than it has open already',
    hints: [
      'existing connections stay up',
      'its port is open, but each connection is closed at once',
      'who holds the port?',
    ],
    hop: 'edge',
  },
  'edge',
)

export const ofControl = ofServer(
  {
    name: 'descriptors-control',
    does: 'the control plane may open no more files than it has open already; the edge in front of it carries on',
    hints: [
      'existing connections stay up',
      'the edge answers, but nothing behind it does',
      'it is still running',
    ],
    hop: 'control',
  },
  'control',
)

export const ofDevice: Variant = {
  ...common,
  name: 'descriptors-device',
  does: "the client on the user's device may open no more files than it has open already",
  hints: [
    'a trace from the control plane goes through',
    'curl is told that the connection to the proxy was closed',
    'what does each program of the user need from the client?',
  ],
  hop: 'client',
  cutsAll: true,
  seen: [/no file descriptor of this process left here \(EMFILE\)/],
  examine: (lab) => traced(lab),
  examinedOn: 'edge',
  async inject(lab) {
    const pid = /process (\d+)/.exec(await lab.clientStatus())![1]
    await limit(lab, lab.machines.user, Number(pid))
  },
  noticed: async (lab) => isSaid(lab.client.log),
  async cure(lab, finding) {
    printed(finding, /^Raise LimitNOFILE of the service/)
    await unlimit(lab)
  },
}
