import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import { noteGone, oneSays } from '../deep-check.ts'
import type { Consultation } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import { labProgram, NODE } from '../paths.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME } from '../topology.ts'

const PORT = 5353
const ECHO = `require('node:dgram').createSocket('udp4').bind(${PORT}, '${ADDRESS.app}').on('message', function (said, from) { this.send(said, from.port, from.address) })`
const REFUSED = new RegExp(`^udp/${APP_NAME}:${PORT} application APP_REFUSED: (.*)\\n  fix   (.*)$`, 'm')

const echoes = new WeakMap<Lab, Daemon>()

function startEcho(lab: Lab): void {
  echoes.set(lab, lab.machines.app.start('echo', [NODE, '-e', ECHO]))
}

async function restore(lab: Lab): Promise<void> {
  await echoes.get(lab)?.stop('SIGKILL')
  await lab.apply()
}

/** One datagram of a flow of its own. @returns Whether it was answered. */
async function asks({ machines: { user } }: Lab, seconds = 1.5): Promise<boolean> {
  const main = labProgram('udp-main')
  const said = await user.succeed(NODE, main, APP_NAME, String(PORT), String(seconds))
  return said.includes('answered')
}

/** As often as answers become the rule. */
async function areAnswered(lab: Lab): Promise<void> {
  for (let answered = 0; answered < 3; ) if (await asks(lab)) answered++
}

/** `backstitch client status`, taken the way a verdict of the doctor is. */
async function clientSays(lab: Lab): Promise<Consultation> {
  const command = 'backstitch client status'
  const { stdout: text, tookMs } = await lab.machines.user.shell(command)
  const common = { command, text, tookMs, verdictMs: tookMs, checks: [] }
  const [, detail, fix] = REFUSED.exec(text) ?? []
  if (detail === undefined) {
    return { ...common, firstLine: 'nothing was refused', exitCode: 0, outcome: 'healthy', findings: [] }
  }
  const ask = `${NODE} ${labProgram('udp-main')} ${APP_NAME} ${PORT}`
  const verify = {
    run: `${ask}; ${command} | grep -q 'udp.* application APP_REFUSED' || echo it is taken`,
    expect: 'it is taken',
  }
  return {
    ...{ ...common, firstLine: `application APP_REFUSED: ${detail}`, exitCode: 1, outcome: 'fault' },
    findings: [
      { hop: 'application', code: 'APP_REFUSED', seen: [detail], cause: detail, fix: [fix!], verify },
    ],
  }
}

/** The flow is open before anybody has seen whether its datagrams are taken. */
export const udpRefused: Variant = {
  name: 'udp-refused',
  does: "the data centre's name server is stopped, and its machine reports that for each datagram",
  hints: ["the user's program just waits", 'no session failed to open', 'backstitch client status'],
  hop: 'application',
  code: 'APP_REFUSED',
  seen: [/^10\.1\.9\.80:5353: ECONNREFUSED/],
  examine: clientSays,
  inject: (lab) => lab.apply({ udp: [String(PORT)] }),
  async noticed(lab) {
    await asks(lab)
    return (await lab.clientStatus()).includes('APP_REFUSED')
  },
  async cure(lab, finding) {
    printed(finding, /^Start the application/)
    startEcho(lab)
  },
  restore,
}

export const udpUnanswered: Variant = {
  name: 'udp-unanswered',
  does: "queries to the data centre's name server arrive, but a firewall drops its replies",
  hints: ['it worked until now', 'nothing is refused', 'does the reply reach the connector?'],
  hop: 'application',
  code: 'APP_SILENT',
  noticeMs: 60_000,
  seen: [
    /app\.dc1\.example\.com:5353\/udp: silent since \S+: \d+ flows of 1 user sent it datagrams and received none/,
    /last answer \S+Z/,
  ],
  async inject(lab) {
    await lab.connectors.b.stop() // a connector knows what its own sessions have carried
    await lab.apply({ udp: [String(PORT)] })
    startEcho(lab)
    await areAnswered(lab)
    await lab.firewall.block(`ip saddr ${ADDRESS.app} ip daddr 10.1.1.0/24 udp sport ${PORT} drop`)
  },
  async noticed(lab, since) {
    await Promise.all([asks(lab, 8), asks(lab, 8)])
    return oneSays(lab, since, 'APP_SILENT')
  },
  async cure(lab, finding) {
    printed(finding, /^if the application answers: allow datagrams from 10\.1\.9\.80 port 5353/)
    await lab.firewall.clear()
    await areAnswered(lab)
    await noteGone(lab.connectors.a, 'APP_SILENT')
  },
  async restore(lab) {
    if (!lab.connectors.b.runs) lab.connectors.b.start()
    await restore(lab)
  },
}
