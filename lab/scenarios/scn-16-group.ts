import { browse } from '../browse.ts'
import type { LabConnector } from '../connector.ts'
import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { lint, saidOf } from '../lint.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT, GROUP } from '../topology.ts'
import { oneOfTwo } from './scn-16-one.ts'
import { siteLost } from './scn-16-site.ts'

/** As a machine that is set up anew: no identity, and a key of that group. */
async function enrol(lab: Lab, connector: LabConnector, group = GROUP): Promise<void> {
  connector.key(await lab.admin('key', 'create', '--group', group))
  connector.start()
  await connector.healthy()
}

/** The connector leaves for good: record, certificate and what it kept. */
async function retire(lab: Lab, connector: LabConnector): Promise<void> {
  await connector.status()
  await lab.admin('delete', 'connector', connector.id!)
  await connector.wipe()
}

/** Of the lab, by the name that the control plane has for it. */
async function called(lab: Lab, name: string): Promise<LabConnector> {
  const { id } = JSON.parse(await lab.admin('--json', 'get', 'connector', name)) as { id: string }
  const { a, b } = lab.connectors
  await Promise.all([a.status(), b.status()])
  return a.id === id ? a : b
}

function serverGroup(failoverConnectorGroups: readonly string[]) {
  return { kind: 'server-group', name: GROUP, connectorGroups: [GROUP], failoverConnectorGroups }
}

/** Downloads that last, and so does whoever carries one. */
const downloads = new WeakMap<Lab, Daemon>()

export const group: Scenario = {
  id: 'SCN-16',
  title: 'There were two connectors, and then there were none',
  story: `connector-b was taken down for patching, as is right: that is what the second one is for. No check was made whether
the first one was alone. While connector-b was being patched, connector-a ran out of memory, and from one moment to the
next the whole data centre was unreachable.`,
  variants: [
    {
      name: 'last-one',
      does: 'connector-b is down for maintenance, and the connector-a process is killed',
      hints: ['no user reaches anything', 'the control plane is healthy', 'who is left in the group?'],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [/nothing answers at \S+status\.sock/],
      cutsAll: true,
      async inject(lab) {
        await lab.connectors.b.stop()
        await lab.connectors.a.stop('SIGKILL')
      },
      // The control plane says that they are gone, and the user is told that nobody is left.
      noticed: async (lab) => {
        const states = await lab.connectorStates()
        const { a, b } = lab.connectors
        if ([a, b].some(({ id }) => states.get(id!) !== 'disconnected')) return false
        await lab.ask('/', 4)
        return (await lab.clientStatus()).includes('NO_HEALTHY_CONNECTOR')
      },
      cure: async (lab) => lab.connectors.a.start(), // "start the daemon as it was installed"
      async restore(lab) {
        for (const connector of [lab.connectors.a, lab.connectors.b]) if (!connector.runs) connector.start()
      },
    },
    {
      name: 'cut-off',
      does: 'both connectors are connected, but a firewall blocks both from the application',
      hints: ['both connectors are connected', 'the user is told who is out, and why', 'what do they share?'],
      hop: 'application',
      code: 'APP_TIMEOUT',
      app: `${APP_NAME}:${APP_PORT}`,
      seen: [/10\.1\.9\.80:8080 no answer in/],
      cutsAll: true,
      noticeMs: 60_000,
      inject: (lab) => lab.firewall.block(`ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} drop`),
      // Each has tried, says so, and is out for this application.
      noticed: async (lab) => {
        await lab.ask('/', 10)
        const states = await Promise.all([lab.connectors.a.status(), lab.connectors.b.status()])
        return states.every((status) => status?.state === 'degraded')
      },
      async cure(lab, finding) {
        const [, address, port] = printed(finding, /^allow TCP from this connector to ([\d.]+) port (\d+)$/)
        await lab.firewall.allow(`ip saddr 10.1.1.0/24 ip daddr ${address} tcp dport ${port} accept`)
      },
    },
    {
      name: 'nobody',
      does: 'connector-b is stopped for patching; connector-a is told to stop too, and drains',
      hints: [
        'a download that started before continues',
        'new sessions fail',
        "the client's reply lists each connector and why it is out",
      ],
      hop: 'connector',
      code: 'NO_HEALTHY_CONNECTOR',
      seen: [
        /\S+: it is draining/,
        /\S+: it is disconnected: it was stopped by a signal at 2\S+Z/,
        /once .+ had left at \S+, everything depended on \S+: a single point of failure/,
      ],
      patient: 'b',
      cutsAll: true,
      restarts: true,
      examine: (lab) => browse(lab),
      noticed: async (lab) => {
        await lab.ask('/', 4)
        return (await lab.clientStatus()).includes('NO_HEALTHY_CONNECTOR')
      },
      async inject(lab) {
        const { a, b } = lab.connectors
        await a.stop()
        a.configure({ drainSeconds: 300 })
        a.start()
        await a.healthy()
        await b.stop()
        await lab.serves()
        downloads.set(lab, await lab.client.download())
        a.daemon.signal('SIGTERM')
        await a.daemon.until(
          async () => (await lab.connectorStates()).get(a.id!) === 'draining',
          'drain',
          20_000,
        )
      },
      async cure(lab, finding) {
        printed(finding, /^Bring (?:one of them back|back one that still exists): /)
        lab.connectors.b.start()
      },
      async restore(lab) {
        const { a, b } = lab.connectors
        const download = downloads.get(lab)
        if (download !== undefined) await lab.machines.user.stop(download)
        await a.stop('SIGKILL')
        a.configure()
        for (const connector of [a, b]) if (!connector.runs) connector.start()
      },
    },
    {
      name: 'single-member',
      does: 'the machine of connector-b is decommissioned and not replaced',
      hints: ['everything works today', 'what if connector-a is restarted?', 'backstitch lint'],
      hop: 'control',
      code: 'GROUP_SINGLE_MEMBER',
      seen: [/^\S+ is its only enabled connector/],
      patient: 'b',
      restarts: true,
      examine: (lab) => lint(lab, 'GROUP_SINGLE_MEMBER'),
      examinedOn: 'edge',
      noticed: (lab) => saidOf(lab, 'connector-group', GROUP, 'GROUP_SINGLE_MEMBER'),
      inject: (lab) => retire(lab, lab.connectors.b),
      async cure(lab, finding) {
        const [, into] = printed(
          finding,
          /^backstitch key create --group (\S+), then enrol a second connector/,
        )
        await enrol(lab, lab.connectors.b, into)
      },
      async restore(lab) {
        if (!lab.connectors.b.runs) await enrol(lab, lab.connectors.b)
      },
    },
    {
      name: 'failover-empty',
      does: 'the failover group exists, but no connector was ever enrolled in it',
      hints: ['everything works today', 'what takes over when the data centre is lost?', 'backstitch lint'],
      hop: 'control',
      code: 'LINT_FAILOVER_EMPTY',
      seen: [/failover group spare has no enabled connector/],
      examine: (lab) => lint(lab, 'LINT_FAILOVER_EMPTY'),
      examinedOn: 'edge',
      noticed: (lab) => saidOf(lab, 'server-group', GROUP, 'LINT_FAILOVER_EMPTY'),
      inject: (lab) => lab.declare({ kind: 'connector-group', name: 'spare' }, serverGroup(['spare'])),
      async cure(lab, finding) {
        printed(finding, /remove the group from failoverConnectorGroups/)
        await lab.declare(serverGroup([]))
      },
      async restore(lab) {
        await lab.declare(serverGroup([]))
        await lab.admin('delete', 'connector-group', 'spare').catch(() => '')
      },
    },
    {
      name: 'spans-sites',
      does: "the machine of connector-b is moved to a data centre 60 ms away, but stays in the first one's group",
      hints: ['every other request is slow', 'which connector served the slow ones?', 'backstitch lint'],
      hop: 'control',
      code: 'GROUP_SPANS_SITES',
      seen: [/edge \S+ is \d+ ms from \S+ and \d+ ms from \S+/],
      patient: 'b',
      restarts: true,
      examine: (lab) => lint(lab, 'GROUP_SPANS_SITES'),
      examinedOn: 'edge',
      noticed: (lab) => saidOf(lab, 'connector-group', GROUP, 'GROUP_SPANS_SITES'),
      async inject(lab) {
        const { b } = lab.connectors
        await b.stop()
        await lab.cables.impair('connector-b', { delayMs: 30 })
        b.start()
        await b.healthy()
      },
      async cure(lab, finding) {
        const [, name] = printed(
          finding,
          /create a connector group for that site and add it to the server group; .* backstitch delete connector ([^\s,]+)/,
        )
        await lab.declare(
          { kind: 'connector-group', name: 'dc2' },
          { kind: 'server-group', name: GROUP, connectorGroups: [GROUP, 'dc2'] },
        )
        const far = await called(lab, name!)
        await retire(lab, far)
        await enrol(lab, far, 'dc2')
      },
      async restore(lab) {
        await lab.cables.clear()
        await lab.apply()
        for (const connector of [lab.connectors.a, lab.connectors.b]) {
          await connector.status()
          const group = await lab.admin('get', 'connector', connector.id!)
          if (!/\bdc2\b/.test(group)) continue
          await retire(lab, connector)
          await enrol(lab, connector)
        }
        await lab.admin('delete', 'connector-group', 'dc2').catch(() => '')
      },
    },
    ...oneOfTwo,
    siteLost,
  ],
}
