import { blink } from '../cures.ts'
import type { Lab } from '../lab.ts'
import type { Scenario } from '../scenario.ts'

const DROPS = 5

async function flap(lab: Lab): Promise<void> {
  for (let drop = 0; drop < DROPS; drop++) {
    await lab.connectors.a.healthy()
    await blink(lab, lab.connectors.a)
  }
  await lab.connectors.a.healthy()
}

export const flapping: Scenario = {
  id: 'SCN-12',
  title: 'Up, down, up, down',
  story: `Whoever looks sees a connector that is connected. Whoever looks again sees one that is connected since a minute.
A firewall on the way was set to clean up: it resets what it has known for too long. Each time the connector is back
within a second, and each time sessions have to find another way; the ticket says "sometimes".`,
  variants: [
    {
      name: 'resets',
      does: 'a firewall resets the control connection of connector-a again and again',
      hints: ['it is connected when you look', 'since when?', 'what ended the connection, and how often?'],
      hop: 'connector',
      code: 'FLAPPING',
      seen: [/\d drops in 10 min, .*CONTROL_UNREACHABLE/],
      remembered: true,
      noticeMs: 60_000,
      inject: flap,
      cure: async () => {}, // "look at the cause of each drop": the firewall lets it be
      restore: async (lab) => {
        const { a } = lab.connectors
        await a.stop('SIGKILL')
        await a.machine.succeed('rm', '-f', `${a.stateDir}/outages.json`)
        a.start()
      },
    },
  ],
}
