import { setTimeout as delay } from 'node:timers/promises'
import { FLAPPING_DROPS } from '../../src/policy/flapping.ts'
import { blink, printed } from '../cures.ts'
import type { Lab } from '../lab.ts'
import { HEALTHY } from '../resolver.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS, APP_NETWORK, APP_PORT, GROUP } from '../topology.ts'
import { unknownHealth } from '../unknown.ts'
import { deviceFrozen, edgeFrozen } from './scn-12-frozen.ts'
import { connectorWorker, edgeWorker } from './scn-12-workers.ts'

const DROPS = 5
const WIKI = 'wiki.dc1.example.com'

async function flap(lab: Lab): Promise<void> {
  for (let drop = 0; drop < DROPS; drop++) {
    await lab.connectors.a.healthy()
    await blink(lab, lab.connectors.a)
  }
  await lab.connectors.a.healthy()
}

/** As often as it takes to be called a rhythm: each time it takes a ping without a reply to be noticed. */
async function loosen({ cables, connectors: { a } }: Lab): Promise<void> {
  for (let drop = 0; drop < FLAPPING_DROPS; drop++) {
    await a.healthy()
    const mark = a.daemon.mark()
    await cables.link('connector-a', 'down')
    const isDown = () => a.daemon.lines(mark).some(({ event }) => event === 'control.disconnected')
    await a.daemon.until(isDown, 'miss its cable', 30_000)
    await cables.link('connector-a', 'up')
  }
  await a.healthy()
}

/** Longer than anybody waits for a reply to a ping. */
const FROZEN_MS = 12_000

async function freeze({ connectors: { a } }: Lab): Promise<void> {
  const { pid } = (await a.status())!
  process.kill(pid, 'SIGSTOP')
  await delay(FROZEN_MS)
  process.kill(pid, 'SIGCONT')
}

async function killAgain({ connectors: { a } }: Lab): Promise<void> {
  for (let kill = 0; kill < DROPS; kill++) {
    await a.stop('SIGKILL')
    a.start()
    await a.healthy()
  }
}

async function forget({ connectors: { a } }: Lab): Promise<void> {
  await a.stop('SIGKILL')
  await a.machine.succeed('rm', '-f', `${a.stateDir}/outages.json`)
  a.start()
}

export const flapping: Scenario = {
  id: 'SCN-12',
  title: 'Up, down, up, down',
  story: `A first look shows a connected connector. A second look shows one that has been connected for a minute. A firewall
on the path was set to clean up: it resets connections older than a limit. Each time the connector is back within a
second, and each time sessions have to find another path. The ticket says "sometimes".`,
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
      restore: forget,
    },
    {
      name: 'cable',
      does: 'a loose plug: the cable of connector-a is out for some seconds, again and again',
      hints: [
        'it is connected when you look',
        'nothing is refused',
        'when was it gone, and what was seen then?',
      ],
      hop: 'connector',
      code: 'FLAPPING',
      seen: [/\d drops in 10 min, .*control CONTROL_UNREACHABLE \d times/],
      remembered: true,
      noticeMs: 60_000,
      inject: loosen,
      async cure(lab, finding) {
        printed(finding, /^each drop with its cause: backstitch status/)
        await lab.cables.link('connector-a', 'up') // it is plugged in firmly
      },
      async restore(lab) {
        await lab.cables.link('connector-a', 'up')
        await forget(lab)
      },
    },
    {
      name: 'frozen',
      does: 'the hypervisor pauses connector-a for twelve seconds, for a snapshot',
      hints: ['the network is calm', 'the process was not stopped', 'yet for some seconds it did nothing'],
      hop: 'connector',
      code: 'STOOD_STILL',
      cause: /the network is not at fault/,
      seen: [/^this process was paused for 1\d\.\d s: .*the connection did not survive that/],
      remembered: true,
      noticeMs: 60_000,
      inject: freeze,
      cure: async (_lab, finding) => void printed(finding, /^take snapshots .* without pausing it/), // it is over
      restore: forget,
    },
    deviceFrozen,
    edgeFrozen,
    edgeWorker,
    connectorWorker,
    {
      name: 'watchdog',
      does: 'a watchdog repeatedly takes connector-a for dead, kills it and restarts it',
      hints: [
        'the network is calm',
        'how long has the process been running?',
        'what ended the previous one?',
      ],
      hop: 'connector',
      code: 'FLAPPING',
      seen: [/\d drops in 10 min, .*connector DAEMON_DOWN \d times/],
      remembered: true,
      restarts: true,
      noticeMs: 60_000,
      inject: killAgain,
      cure: async (_lab, finding) => void printed(finding, /^turn off the watchdog/), // it is off
      restore: forget,
    },
    {
      name: 'on-access',
      does: 'nothing: a new application is declared whose health is checked on use, and it has not been used',
      hints: [
        'is anything broken at all?',
        'when is the health of that segment checked?',
        'backstitch describe segment wiki',
      ],
      hop: 'application',
      code: 'HEALTH_UNKNOWN',
      seen: [/^health is onAccess, and it has not been used recently/],
      examine: (lab) => unknownHealth(lab, 'wiki'),
      examinedOn: 'edge',
      noticed: async (lab) => (await lab.describe('segment', 'wiki')).text.includes('HEALTH_UNKNOWN'),
      async inject(lab) {
        await lab.resolver.serve({ ...HEALTHY, [WIKI]: ADDRESS.app })
        await lab.declare({
          ...{ kind: 'segment', name: 'wiki', serverGroups: [GROUP], domains: [WIKI] },
          ...{ tcp: [String(APP_PORT)], addressCidrs: [APP_NETWORK], health: 'onAccess' },
        })
      },
      async cure(lab, finding) {
        printed(finding, /^None needed: this is not a fault\. Open it once/)
        await lab.browse(WIKI)
      },
      restore: async (lab) => void (await lab.admin('delete', 'segment', 'wiki').catch(() => '')),
    },
  ],
}
