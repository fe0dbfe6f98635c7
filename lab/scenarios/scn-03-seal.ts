import { cpSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { LabConnector } from '../connector.ts'
import { printed, replaceKey, runPrinted } from '../cures.ts'
import type { Finding } from '../doctor.ts'
import { drift } from '../drift.ts'
import { ageIdentity } from '../ended-certificate.ts'
import type { Lab } from '../lab.ts'
import type { Scenario } from '../scenario.ts'

/** Of the first octet; makes no group address of it. */
const CARD_BIT = 0x10

/** As it is printed: the identity out of the way, a new key, and a start. */
async function enrolAnew(lab: Lab, connector: LabConnector, finding: Finding): Promise<void> {
  await runPrinted(connector, finding, /^mv \S+identity\.json \S+\.old$/)
  await replaceKey(lab, connector, finding)
  printed(finding, /^systemctl restart backstitch-connector$/)
  connector.start()
}

export const seal: Scenario = {
  id: 'SCN-03',
  title: 'An identity on the wrong machine',
  story: `connector-b was meant to be "exactly like connector-a", so its disk was made from an image of connector-a. It is
exactly like it, including the identity. That identity will not open here: it was sealed to a machine id and a network
card that stayed behind.`,
  variants: [
    {
      name: 'clone',
      does: 'the state directory of connector-a is on connector-b',
      hints: ['connector-a works', 'connector-b exits at startup', 'whose state is it?'],
      hop: 'connector',
      code: 'SEAL_BROKEN',
      seen: [/machineId [0-9a-f]{8}→[0-9a-f]{8}/, /mac [0-9a-f]{8}→[0-9a-f]{8}/],
      patient: 'b',
      async inject(lab) {
        const { a, b } = lab.connectors
        await b.wipe()
        cpSync(path.join(a.stateDir, 'identity.json'), path.join(b.stateDir, 'identity.json'))
        await b.machine.succeed('chown', '-R', `${b.user}:${b.user}`, b.stateDir)
        b.start()
      },
      async cure(lab, finding) {
        const { b } = lab.connectors
        await runPrinted(b, finding, /^mv \S+identity\.json \S+\.old$/)
        await replaceKey(lab, b, finding)
        b.start() // what has ended, a supervisor starts again
      },
      async restore(lab) {
        const { b } = lab.connectors
        rmSync(path.join(b.stateDir, 'identity.json.old'), { force: true })
        if ((await b.status())?.state === 'healthy') return
        await b.wipe()
        b.key(await lab.createKey())
        b.start()
      },
    },
    {
      name: 'twin',
      does: 'the virtual machine of connector-a was cloned, ids included, and both are running',
      hints: ['connector-a works', 'connector-b exits at startup', 'who else uses that identity?'],
      hop: 'control',
      code: 'IDENTITY_CLONED',
      seen: [/con_\w+ from 198\.51\.100\.2 and from 198\.51\.100\.2: hosts \S+ and \S+ are connected at/],
      patient: 'b',
      restarts: true,
      async inject(lab) {
        const { a, b } = lab.connectors
        await b.wipe()
        // The one thing that a hypervisor gives anew is the network card, and one of four may differ.
        b.machine.etc('machine-id', readFileSync(path.join(a.machine.etcDir, 'machine-id'), 'utf8'), 0o444)
        b.machine.file('machine.json', a.factors, { mode: 0o644, uid: 0 })
        cpSync(path.join(a.stateDir, 'identity.json'), path.join(b.stateDir, 'identity.json'))
        await b.machine.succeed('chown', '-R', `${b.user}:${b.user}`, b.stateDir)
        b.start()
      },
      cure: (lab, finding) => enrolAnew(lab, lab.connectors.b, finding),
      async restore(lab) {
        const { b } = lab.connectors
        b.machine.etc('machine-id', `${'b0'.repeat(16)}\n`, 0o444)
        b.machine.file('machine.json', b.factors, { mode: 0o644, uid: 0 })
        await b.wipe()
        b.key(await lab.createKey())
        b.start()
      },
    },
    {
      name: 'replay',
      does: 'the state of connector-a was restored from a backup made before its certificate was renewed',
      hints: ['it exits at startup', 'there is no second copy', 'which generation does it present?'],
      hop: 'control',
      code: 'IDENTITY_CLONED',
      seen: [/a certificate from before generation \d+ was presented/],
      restarts: true,
      async inject({ connectors: { a } }) {
        const [identity, backup] = ['identity.json', 'identity.backup'].map((name) =>
          path.join(a.stateDir, name),
        ) as [string, string]
        await a.stop()
        cpSync(identity, backup)
        await ageIdentity(a)
        const mark = a.daemon.mark()
        a.start()
        const renewed = () => a.daemon.lines(mark).some(({ event }) => event === 'certificate.renewed')
        await a.daemon.until(renewed, 'renew its certificate', 20_000)
        await a.healthy()
        await a.stop()
        await a.machine.succeed('cp', '--preserve=mode', backup, identity)
        a.start()
      },
      cure: (lab, finding) => enrolAnew(lab, lab.connectors.a, finding),
      async restore(lab) {
        const { a } = lab.connectors
        for (const name of ['identity.json.old', 'identity.backup'])
          rmSync(path.join(a.stateDir, name), { force: true })
        if (a.runs) return
        await a.wipe()
        a.key(await lab.createKey())
        a.start()
      },
    },
    {
      name: 'drift',
      does: 'connector-a got a new network card while it was off',
      hints: [
        'users notice nothing',
        'backstitch status has a note',
        'one of four: machine id, card, mainboard, disk',
      ],
      hop: 'connector',
      code: 'SEAL_DRIFTED',
      seen: [/^mac [0-9a-f]{8}→[0-9a-f]{8}$/m],
      restarts: true,
      examine: drift,
      examinedOn: 'connector-a',
      inject: changeCard,
      async cure({ connectors: { a } }, finding) {
        printed(finding, /^None needed if the change was intended/)
        await a.refresh() // "the note is gone after the next start"
      },
      restore: async (lab) => {
        await changeCard(lab)
        await lab.connectors.a.healthy() // sealed anew: the next start has nothing to note
      },
    },
  ],
}

/** Another card, and the next time the first one again. */
async function changeCard({ connectors: { a } }: Lab): Promise<void> {
  await a.stop()
  const { stdout } = await a.machine.shell('cat /sys/class/net/eth0/address')
  const [first, ...rest] = stdout
    .trim()
    .split(':')
    .map((octet) => Number.parseInt(octet, 16))
  const other = [first! ^ CARD_BIT, ...rest].map((octet) => octet.toString(16).padStart(2, '0')).join(':')
  await a.machine.succeed('ip', 'link', 'set', 'eth0', 'address', other)
  a.start()
}
