/** Who looks is not let in, or finds a file that says nothing: that is no fault of what was looked at, and no health. */
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { blindness } from '../blind.ts'
import { printed } from '../cures.ts'
import { consult, consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Variant } from '../scenario.ts'

const HEALTHY = 'healthy: every hop'
/** What a write that was cut short leaves. */
const HALF = '{"version":1,"edg'

const common = {
  noticed: async () => true, // nothing is broken that serves: only whoever asks meets it
  cutsAll: false,
} as const satisfies Partial<Variant>

/** The shell of whoever is on call, who forgot to write sudo. */
const PERSON = ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups']

export const withoutSudo: Variant = {
  ...common,
  name: 'no-sudo',
  does: 'the on-call engineer runs the doctor on connector-a as their own user, without sudo',
  hints: ['the connector serves', 'who owns the state directory?', 'which user is asking?'],
  hop: 'client',
  code: 'DAEMON_UNASKED',
  seen: [/state belongs to uid 65534, which runs the connector, and \S+ \(uid 1000\) may not read it/],
  async inject({ machines: { 'connector-a': a } }) {
    a.preload = PERSON
  },
  async examine({ connectors: { a } }) {
    const said = { ...(await consult(a)), command: 'backstitch doctor connector' }
    const run = `backstitch doctor connector --config ${a.configFile} --state ${a.stateDir}`
    return blindness(said, {
      ...{ code: 'DAEMON_UNASKED', fix: /sudo backstitch doctor connector$/ },
      verify: { run, expect: HEALTHY },
    })
  },
  examinedOn: 'connector-a',
  async cure({ machines: { 'connector-a': a } }, finding) {
    printed(finding, /^sudo backstitch doctor connector$/)
    a.preload = []
  },
  async restore({ machines: { 'connector-a': a } }) {
    a.preload = []
  },
}

const serverDir = ({ machines: { edge } }: Lab) => path.join(edge.dir, 'server')

export const contextDamaged: Variant = {
  ...common,
  name: 'context',
  does: 'the file in which the server stored its public name is truncated, after the disk was full',
  hints: [
    'users connect',
    'which name must point to this machine?',
    'what does the server know about itself?',
  ],
  hop: 'client',
  code: 'CONTEXT_MISSING',
  seen: [/context\.json cannot be read \(it is damaged\), so the name agents connect to is not known/],
  inject: async (lab) => writeFileSync(path.join(serverDir(lab), 'context.json'), HALF),
  async examine(lab) {
    const asked = ['doctor', 'server', '--state', serverDir(lab)]
    const said = { ...(await consultAt(lab.machines.edge, asked)), command: 'sudo backstitch doctor server' }
    return blindness(said, {
      ...{ code: 'CONTEXT_MISSING', fix: /systemctl restart backstitch-server$/ },
      verify: { run: `backstitch ${asked.join(' ')}`, expect: HEALTHY },
    })
  },
  examinedOn: 'edge',
  async cure(lab, finding) {
    printed(finding, /^systemctl restart backstitch-server$/)
    await lab.restartServer()
  },
}

export const listDamaged: Variant = {
  ...common,
  name: 'edge-list',
  does: "the edge cache on the user's device is truncated, after the battery died",
  hints: ['the user connects', 'which edges exist, and which is in use?', 'backstitch doctor client'],
  hop: 'client',
  code: 'DAEMON_UNASKED',
  seen: [/edges\.json cannot be read \(it is damaged\), so the list of edges is not known/],
  inject: async (lab) => writeFileSync(path.join(lab.client.stateDir, 'edges.json'), HALF),
  async examine({ machines: { user } }) {
    const said = { ...(await consultAt(user, ['doctor', 'client'])), command: 'backstitch doctor client' }
    return blindness(said, {
      ...{ code: 'DAEMON_UNASKED', fix: /remove it, and restart the daemon/ },
      verify: { run: 'backstitch doctor client', expect: HEALTHY },
    })
  },
  async cure(lab, finding) {
    printed(finding, /^remove it, and restart the daemon$/)
    rmSync(path.join(lab.client.stateDir, 'edges.json'))
    await lab.client.stop()
    lab.client.start()
  },
}
