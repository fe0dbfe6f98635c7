/** Somebody lacks what it takes to ask anybody: nobody that could not be asked is to blame. */
import { blink, runPrinted } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { NODE } from '../paths.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'

const FIRST = 40_000
const COUNT = 32
const RANGE = 'net.ipv4.ip_local_port_range'
const holders = new WeakMap<Lab, Daemon>()

const LISTEN = `const net = require('node:net')
for (let at = 0; at < ${COUNT}; at++) net.createServer().on('error', () => {}).listen(${FIRST} + at) // one that is taken is taken
setTimeout(() => console.log('{}'), 200)`
const CONNECT = `const net = require('node:net')
const open = (localPort) => net.connect({ host: '${ADDRESS.app}', port: ${APP_PORT}, localPort })
  .on('error', () => {}).on('close', () => setTimeout(open, 10, localPort))
for (let at = 0; at < ${COUNT}; at++) open(${FIRST} + at)
setTimeout(() => console.log('{}'), 500)`

/** A few local ports on connector-a, and another program that has them all. */
async function takePorts(lab: Lab, program: string): Promise<void> {
  const a = lab.machines['connector-a']
  await a.succeed('sysctl', '-qw', `${RANGE}=${FIRST} ${FIRST + COUNT - 1}`)
  const holder = a.start('agent', [NODE, '-e', program])
  holders.set(lab, holder)
  await holder.until(() => holder.lines().length > 0, 'take all ports', 20_000)
}

async function givePorts(lab: Lab): Promise<void> {
  const a = lab.machines['connector-a']
  await a.succeed('sysctl', '-qw', `${RANGE}=32768 60999`)
  const holder = holders.get(lab)
  if (holder !== undefined) await a.stop(holder, 'SIGKILL')
}

/** The fix says which figure; it is done as it stands. */
const widen: Variant['cure'] = (lab, finding) =>
  runPrinted(lab.connectors.a, finding, /^sysctl -w net\.ipv4\.ip_local_port_range='1024 65535'$/)

export const portsToEdge: Variant = {
  name: 'ports',
  does: `a sysctl file leaves connector-a ${COUNT} local ports, and another program on the machine has taken all of them`,
  hints: ['connector-b next to it works', 'ping works', 'what does a connection need on this side?'],
  hop: 'connector',
  code: 'CONNECTOR_OVERLOADED',
  seen: [/32 of 32 local ports in use/],
  cause: /local port/,
  async inject(lab) {
    await takePorts(lab, LISTEN)
    await blink(lab, lab.connectors.a)
  },
  cure: widen,
  restore: givePorts,
}

export const portsToApp: Variant = {
  name: 'ports-app',
  does: `a program on connector-a keeps ${COUNT} connections to the application open, using every local port`,
  hints: [
    'the application answers connector-b',
    'connector-a reaches everything else',
    'ss -tan dst 10.1.9.80',
  ],
  hop: 'connector',
  code: 'CONNECTOR_OVERLOADED',
  app: `${APP_NAME}:${APP_PORT}`,
  seen: [/32 of 32 local ports in use/],
  cause: /[Nn]o local ports? (?:is|are) left/,
  inject: (lab) => takePorts(lab, CONNECT),
  async noticed(lab, since) {
    await lab.ask('/', 4)
    return since.faults(lab.connectors.a).some(({ code }) => code === 'CONNECTOR_OVERLOADED')
  },
  cure: widen,
  restore: givePorts,
}
