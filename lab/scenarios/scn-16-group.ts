import type { Scenario } from '../scenario.ts'

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
  ],
}
