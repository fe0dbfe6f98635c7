/** Whose standstill it was: that of the device, or of the edge on the way. */

import { setTimeout as delay } from 'node:timers/promises'
import { readStatus } from '../../src/base/status-socket.ts'
import { printed } from '../cures.ts'
import { consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import { signalAll } from '../processes.ts'
import type { Variant } from '../scenario.ts'
import { twoEdges } from '../two-edges.ts'

/** Longer than anybody waits for a reply to a ping. */
const FROZEN_MS = 12_000

async function stand(file: string): Promise<void> {
  const { pid } = (await readStatus(file)) as { pid: number }
  signalAll(pid, 'SIGSTOP')
  await delay(FROZEN_MS)
  signalAll(pid, 'SIGCONT')
}

const FROZEN = {
  code: 'STOOD_STILL',
  cause: /the network is not at fault/,
  seen: [/^this process was paused for 1\d\.\d s/],
  remembered: true,
  noticeMs: 60_000,
} as const

export const edgeFrozen: Variant = {
  ...FROZEN,
  name: 'edge-frozen',
  does: 'the hypervisor pauses the machine of the near edge, which both connectors use, for twelve seconds',
  hints: [
    'both connectors lost the control plane at once',
    'what do they share?',
    "the doctor, on the edge's machine",
  ],
  hop: 'edge',
  examine: (lab) => lab.secondEdge.consult(),
  examinedOn: 'edge2',
  noticed: async (lab) => lab.secondEdge.daemon!.text.includes('STOOD_STILL'),
  async inject(lab) {
    await twoEdges(lab)
    await stand(`${lab.machines.edge2.dir}/state/status.sock`)
  },
  cure: async (_lab, finding) => void printed(finding, /^take snapshots .* without pausing it/), // it is over
  async restore({ secondEdge }) {
    if (secondEdge.daemon === undefined) return
    await secondEdge.kill()
    secondEdge.run()
  },
}

async function again({ client }: Lab): Promise<void> {
  await client.stop('SIGKILL')
  await client.machine.run('rm', '-f', `${client.stateDir}/outages.json`)
  client.start()
}

export const deviceFrozen: Variant = {
  ...FROZEN,
  name: 'device-frozen',
  does: "the user's device sleeps for twelve seconds, its network does not",
  hints: ['other users noticed nothing', 'the network is calm', 'what does the client report about itself?'],
  hop: 'client',
  cutsAll: true,
  examine: (lab) => consultAt(lab.machines.user, ['doctor', 'client']),
  examinedOn: 'user',
  noticed: async (lab) => (await lab.clientStatus()).includes('STOOD_STILL'),
  inject: ({ client }) => stand(`${client.stateDir}/status.sock`),
  cure: async (_lab, finding) => void printed(finding, /^take snapshots .* without pausing it/),
  restore: again,
}
