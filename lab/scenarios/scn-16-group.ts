import { printed } from '../cures.ts'
import type { Scenario } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'

export const group: Scenario = {
  id: 'SCN-16',
  title: 'There were two connectors, and then there was none',
  story: `connector-b was taken down for its patches, as is right: that is what the second one is for. Nobody looked whether
the first one was alone. While connector-b was being patched, connector-a ran out of memory, and from one moment to the
next no one could reach anything in the data centre.`,
  variants: [
    {
      name: 'last-one',
      does: 'connector-b is down for maintenance, and the process of connector-a is killed',
      hints: ['no user reaches anything', 'the control plane is well', 'who is left in the group?'],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [/nobody answers at \S+status\.sock/],
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
      does: 'both connectors are connected, and a firewall keeps both from the application',
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
  ],
}
