import { cpSync, rmSync } from 'node:fs'
import path from 'node:path'
import { replaceKey, runPrinted } from '../cures.ts'
import type { Scenario } from '../scenario.ts'

export const seal: Scenario = {
  id: 'SCN-03',
  title: 'An identity on a machine that is not its own',
  story: `connector-b was to be "exactly like connector-a", so its disk was made from an image of connector-a. It is exactly
like it, the identity included. It will not open: it was sealed to a machine id and a network card that stayed behind.`,
  variants: [
    {
      name: 'clone',
      does: 'the state directory of connector-a lies on connector-b',
      hints: ['connector-a works', 'connector-b ends as soon as it is started', 'whose state is it?'],
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
  ],
}
