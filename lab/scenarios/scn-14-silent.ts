import { setTimeout as wait } from 'node:timers/promises'
import { LOCAL_PROXY } from '../client.ts'
import { printed } from '../cures.ts'
import { type Daemon, until } from '../daemon.ts'
import { oneSays } from '../deep-check.ts'
import { consultAt } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Since, Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'
import { traced } from '../trace.ts'

/** All sessions go through connector-a: a connector knows what its own have carried. */
async function alone(lab: Lab): Promise<void> {
  await lab.connectors.b.stop()
  await lab.serves()
}

async function together(lab: Lab): Promise<void> {
  if (!lab.connectors.b.runs) lab.connectors.b.start()
}

/** The user tries, gives up, and tries again, as people do. */
async function triesAgain(lab: Lab, since: Since): Promise<boolean> {
  await Promise.all([lab.ask('/', 6), lab.ask('/', 6)])
  return oneSays(lab, since, 'APP_SILENT')
}

/** Each session may go through another connector: one alone is no verdict there, and words. */
async function someoneWaits({ connectors: { a, b } }: Lab): Promise<boolean> {
  const [ofA, ofB] = await Promise.all([a.status(), b.status()])
  return [...(ofA?.waiting ?? []), ...(ofB?.waiting ?? [])].length > 0
}

const common = {
  hop: 'application',
  code: 'APP_SILENT',
  app: `${APP_NAME}:${APP_PORT}`,
  cutsAll: true,
  noticed: triesAgain,
  noticeMs: 60_000,
} as const satisfies Partial<Variant>

/** Two data packets of a kind: a request, and nothing that a handshake or an end needs. */
const REQUESTS = `ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp dport ${APP_PORT} tcp flags & psh == psh`

const idle = new WeakMap<Lab, Daemon[]>()

/** Programs that ask, wait for four seconds (the application ends what is idle for five), and ask again in the same connection. */
async function askAndWait(lab: Lab): Promise<void> {
  const url = `http://${APP_NAME}:${APP_PORT}/`
  const flags = ['-sS', '--max-time', '8', '--rate', '15/m', '--socks5-hostname', LOCAL_PROXY]
  const programs = [1, 2, 3].map((n) => lab.machines.user.start(`idle-${n}`, ['curl', ...flags, url, url]))
  idle.set(lab, programs)
  for (const program of programs)
    await program.until(() => program.text.includes('app.dc1 answers'), 'be answered once', 20_000)
}

/** A device on the way forgets the connections that it knows, and takes new ones. */
async function forgetOpen(lab: Lab): Promise<void> {
  const to = `${ADDRESS.app}:${APP_PORT}`
  const tables = await Promise.all(
    [lab.connectors.a, lab.connectors.b].map(({ machine }) =>
      machine.shell(`ss -tnHO state established dst ${to}`),
    ),
  )
  const ports = tables.flatMap(({ stdout }) =>
    [...stdout.matchAll(/10\.1\.1\.\d+:(\d+)\s/g)].map(([, port]) => port),
  )
  if (ports.length === 0) throw new Error('no connection to the application is open')
  await lab.firewall.block(
    `ip saddr 10.1.1.0/24 ip daddr ${ADDRESS.app} tcp sport { ${ports.join(', ')} } drop`,
    `ip saddr ${ADDRESS.app} ip daddr 10.1.1.0/24 tcp dport { ${ports.join(', ')} } drop`,
  )
}

async function listens({ machines: { app } }: Lab): Promise<void> {
  await until(
    async () => (await app.shell(`ss -tlnH sport = ${APP_PORT}`)).stdout !== '',
    () => 'the application does not listen',
    20_000,
  )
}

async function restart(lab: Lab): Promise<void> {
  await lab.stopApp()
  lab.startApp()
}

export const silent: readonly Variant[] = [
  {
    ...common,
    name: 'silent',
    does: 'the application hangs: it accepts each connection, reads the request and never answers',
    hints: ['TCP connects, so every health check is green', 'the browser spins', 'how many bytes came back?'],
    seen: [
      /app\.dc1\.example\.com:8080: silent since \S+: \d+ sessions of 1 user sent data and received no byte/,
      /the last sent \d+ B and gave up after \d+ s/,
    ],
    async inject(lab) {
      await alone(lab)
      await lab.stopApp()
      lab.startApp(APP_PORT, 'silent-main')
    },
    async cure(lab, finding) {
      printed(finding, /restart the application$/)
      await restart(lab)
      printed(finding, /^then let a user open app\.dc1\.example\.com:8080/)
      await lab.serves()
    },
    async restore(lab) {
      await restart(lab)
      await together(lab)
    },
  },
  {
    ...common,
    name: 'hanging',
    does: 'the application hangs, and two requests of one user hang with it; neither has given up yet',
    hints: ['the browser spins', 'and the user keeps waiting', 'backstitch client status'],
    seen: [
      /2 sessions( of 1 user)? sent data and received no byte/,
      /the last sent \d+ B and waits, for \d+ s/,
    ],
    examine: ({ machines: { user } }) => consultAt(user, ['doctor', 'client', '--app', common.app]),
    examinedOn: 'user',
    noticed: async (lab) => (await lab.clientStatus()).includes('APP_SILENT') && (await someoneWaits(lab)),
    noticeMs: 45_000,
    async inject(lab) {
      await lab.stopApp()
      lab.startApp(APP_PORT, 'silent-main')
      await listens(lab)
      const url = `http://${APP_NAME}:${APP_PORT}/`
      const flags = ['-sS', '--max-time', '90', '--socks5-hostname', LOCAL_PROXY]
      lab.machines.user.start('first', ['curl', ...flags, url])
      // Not at once: two that begin together are what one page asks for.
      await until(
        async () => (await lab.clientStatus()).includes('1 open'),
        () => 'no session is open',
        20_000,
      )
      await wait(3500)
      lab.machines.user.start('second', ['curl', ...flags, url])
    },
    async cure(lab, finding) {
      printed(finding, /^Check the application's log and restart it\./)
      await restart(lab)
      await lab.serves()
    },
    restore: restart,
  },
  {
    ...common,
    name: 'swallowed',
    does: 'a device in front of the application lets connections open and drops every request in them',
    hints: ['TCP connects', 'the application has not seen a request', 'ss -ti on the connector'],
    seen: [
      /the data sent is not acknowledged, though new connections open/,
      /10\.1\.9\.80:8080 \d+ bytes wait.*unacked/,
    ],
    async inject(lab) {
      await alone(lab)
      await lab.firewall.block(`${REQUESTS} drop`)
    },
    async cure(lab, finding) {
      printed(finding, /^let whole connections pass between this connector and 10\.1\.9\.80 port 8080/)
      await lab.firewall.clear()
      await lab.serves()
    },
    restore: together,
  },
  {
    ...common,
    name: 'forgotten',
    does: 'a device on the path forgets idle connections, so that the next request in each is lost',
    hints: ['new connections work', 'the first click after a pause hangs', 'ss -ti on the connector'],
    seen: [/the data sent after a pause of \d+ s or more is not acknowledged, though new connections open/],
    noticed: (lab, since) => oneSays(lab, since, 'APP_SILENT'),
    async inject(lab) {
      await alone(lab)
      await askAndWait(lab)
      await forgetOpen(lab)
    },
    async cure(lab, finding) {
      printed(finding, /^let devices between this connector and 10\.1\.9\.80 port 8080 keep idle connections/)
      await lab.firewall.clear()
      await askAndWait(lab) // and again, in the same connection
      for (const program of idle.get(lab) ?? [])
        await program.until(
          () => program.text.split('app.dc1 answers').length > 2,
          'be answered again',
          20_000,
        )
    },
    restore: together,
  },
  {
    ...common,
    name: 'stopped',
    does: 'the application is frozen: its kernel keeps accepting connections, but nothing reads them',
    hints: ['nc -z succeeds', 'the page never comes', "trace the user's path"],
    seen: [/\d+ sessions/],
    examine: (lab) => traced(lab),
    examinedOn: 'edge',
    inject: async (lab) => lab.signalApp('SIGSTOP'),
    async cure(lab, finding) {
      printed(finding, /restart the application$/)
      await restart(lab)
      await lab.serves()
    },
    restore: restart,
  },
]
