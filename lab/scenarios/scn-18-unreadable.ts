import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { browse } from '../browse.ts'
import { printed } from '../cures.ts'
import type { Lab } from '../lab.ts'
import { lint } from '../lint.ts'
import type { Variant } from '../scenario.ts'
import { APP_NAME } from '../topology.ts'

/** No name at all, in any version from now on. */
const NO_NAME = 'xn--a.example'

/** Behind the back of the API, as an older version that took more, or a hand in the database. */
async function scribble(lab: Lab): Promise<void> {
  using database = new DatabaseSync(path.join(lab.machines.edge.dir, 'server', 'backstitch.db'), {
    timeout: 5000,
  })
  const row = database.prepare("select id, spec from object where kind = 'segment' and name = 'app'").get()
  const spec = { ...(JSON.parse(String(row!.spec)) as object), domains: [APP_NAME, NO_NAME] }
  database.prepare('update object set spec = ? where id = ?').run(JSON.stringify(spec), row!.id!)
}

/** Where it is what is stored: no machine is ill, and nobody has decided anything. */
export const unreadable: Variant = {
  name: 'unreadable',
  does: 'a segment accepted by an older version contains a name that the current server cannot read',
  hints: ['other applications work', 'it began with the upgrade', 'backstitch lint'],
  hop: 'control',
  code: 'POLICY_UNREADABLE',
  seen: [/^domains: a label begins with xn-- but is not valid IDNA$/],
  cutsAll: true,
  examine: (lab) => lint(lab, 'POLICY_UNREADABLE'),
  examinedOn: 'edge',
  async inject(lab) {
    await scribble(lab)
    await lab.restartServer()
  },
  // The log of the server says it, and whoever asks for the application is told.
  noticed: async (lab) =>
    lab.server.lines().some(({ event }) => event === 'policy.unreadable') &&
    (await browse(lab)).findings.some(({ code }) => code === 'POLICY_UNREADABLE'),
  async cure(lab, finding) {
    printed(finding, /write it again or delete it/)
    await lab.apply()
  },
  restore: (lab) => lab.apply(),
}
