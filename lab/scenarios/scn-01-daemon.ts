import { absence } from '../absence.ts'
import { endClock, setClock, setOffset } from '../clock.ts'
import type { Lab } from '../lab.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { ADDRESS } from '../topology.ts'

/** The control plane is asked: it was told something as the connector left. */
const asked = {
  hop: 'connector',
  examine: (lab: Lab) => absence(lab, lab.connectors.a.id!),
  examinedOn: 'edge',
  restarts: true,
  noticed: async (lab: Lab) => (await lab.connectorStates()).get(lab.connectors.a.id!) === 'disconnected',
  cure: async (lab: Lab) => lab.connectors.a.start(), // "start the daemon as it was installed"
  restore: async (lab: Lab) => {
    if (!lab.connectors.a.runs) lab.connectors.a.start()
  },
} as const satisfies Partial<Variant>

export const daemon: Scenario = {
  id: 'SCN-01',
  title: 'The connector is not running',
  story: `The machine of connector-a ran out of memory at night, and the kernel killed its largest process. No supervisor was
enabled, so it stays down. In the morning the list of connectors shows one missing. The machine answers ping, the
network is fine, and the first suspect, as ever, is the firewall.`,
  variants: [
    {
      name: 'kill',
      does: 'the connector-a process is killed',
      hints: ['the machine is up', 'the path to the edge is open', 'which process should have connected?'],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [/nothing answers at \S+status\.sock/],
      inject: (lab) => lab.connectors.a.stop('SIGKILL'),
      // What is dead says nothing: the control plane says it.
      noticed: async (lab) => (await lab.connectorStates()).get(lab.connectors.a.id!) === 'disconnected',
      cure: async (lab) => lab.connectors.a.start(), // "start the daemon as it was installed"
      restore: async (lab) => {
        if (!lab.connectors.a.runs) lab.connectors.a.start()
      },
    },
    {
      ...asked,
      name: 'stopped',
      does: 'the connector-a process is stopped with kill, unannounced',
      hints: ['it did not just stop responding', 'it said goodbye', 'backstitch describe connector'],
      code: 'DAEMON_DOWN',
      cause: /SIGTERM/,
      seen: [/it closed its connection itself: SIGTERM/],
      inject: (lab) => lab.connectors.a.stop('SIGTERM'),
    },
    {
      ...asked,
      name: 'orphaned',
      does: 'the supervisor of connector-a is killed, and takes connector-a with it',
      hints: ['it did not just stop responding', 'it said goodbye', 'what had started it?'],
      code: 'DAEMON_DOWN',
      cause: /started it/,
      seen: [/it closed its connection itself: /],
      async inject({ connectors: { a } }) {
        await a.stop('SIGKILL')
        a.within = ['bash', '-c', 'sleep 1000 | BACKSTITCH_STOP_WITH_STDIN=1 "$@"', 'supervisor']
        a.start()
        await a.healthy()
        await a.machine.succeed('pkill', '-n', '-f', '^sleep 1000$')
      },
      async restore({ connectors: { a } }) {
        await a.stop('SIGKILL')
        a.within = []
        a.start()
      },
    },
    {
      ...asked,
      name: 'left-for-good',
      does: 'the clock of connector-a jumps; it disconnects to ask for the time, and the path is blocked meanwhile',
      hints: ['the process was not stopped', 'it said goodbye', 'what happened just before?'],
      code: 'CONNECTOR_DISCONNECTED',
      cause: /clock/,
      seen: [/it closed its connection itself: .*clock .*jumped/],
      async inject(lab) {
        const { a } = lab.connectors
        await setClock(lab, '+0')
        await a.healthy()
        const mark = a.daemon.mark()
        await lab.firewall.block(
          `ip saddr ${ADDRESS['connector-a']} ip daddr ${ADDRESS.edge} tcp flags syn / syn,ack reject with tcp reset`,
        )
        setOffset(lab, '+20')
        await a.daemon.until(
          () =>
            a.daemon
              .lines(mark)
              .some(({ event }) => event === 'control.disconnected' || event === 'control.down'),
          'let its connection go',
          20_000,
        )
      },
      cure: async (lab) => {
        setOffset(lab, '+0')
        await lab.firewall.clear()
      },
      restore: endClock,
    },
    {
      name: 'hung',
      does: 'connector-a is frozen by a signal: the process exists but does nothing',
      hints: ['ps shows it', 'its socket accepts connections', 'ps -o stat= -p PID'],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [/process \d+ exists but does not answer at \S+status\.sock/],
      async inject({ connectors: { a } }) {
        const { pid } = (await a.status())!
        await a.machine.succeed('kill', '-STOP', String(pid))
      },
      noticed: async (lab) => (await lab.connectorStates()).get(lab.connectors.a.id!) === 'disconnected',
      restarts: true,
      cure: restart, // "systemctl restart"
      restore: restart,
    },
    {
      name: 'crash-loop',
      does: 'a supervisor restarts connector-a with less memory than it needs, so it exits at startup, forever',
      hints: [
        'there is a process, and then there is not',
        'it never answers',
        'what starts it, and with which limits?',
      ],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [/nothing answers at \S+status\.sock/],
      async inject(lab) {
        const { a } = lab.connectors
        await a.stop('SIGKILL')
        a.within = ['bash', '-c', 'while :; do prlimit --as=150000000 "$@"; sleep 1; done', 'supervisor']
        a.start()
      },
      noticed: async (lab) => (await lab.connectorStates()).get(lab.connectors.a.id!) === 'disconnected',
      restarts: true,
      cure: startUnlimited, // "start the daemon as it was installed"
      restore: startUnlimited,
    },
  ],
}

async function restart({ connectors: { a } }: Lab): Promise<void> {
  await a.stop('SIGKILL')
  a.start()
}

async function startUnlimited({ connectors: { a } }: Lab): Promise<void> {
  if (a.within.length === 0 && a.runs) return
  await a.stop('SIGKILL')
  a.within = []
  a.start()
}
