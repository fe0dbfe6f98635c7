import path from 'node:path'
import { printed } from '../cures.ts'
import type { Consultation } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import { NODE } from '../paths.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME } from '../topology.ts'

const PORT = 5353
const ECHO = `require('node:dgram').createSocket('udp4').bind(${PORT}, '${ADDRESS.app}').on('message', function (said, from) { this.send(said, from.port, from.address) })`
const REFUSED = new RegExp(`^udp/${APP_NAME}:${PORT} application APP_REFUSED: (.*)\\n  fix   (.*)$`, 'm')

async function sends({ machines: { user } }: Lab): Promise<void> {
  await user.succeed(NODE, path.join(import.meta.dirname, '..', 'udp-main.ts'), APP_NAME, String(PORT))
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
  const ask = `${NODE} ${path.join(import.meta.dirname, '..', 'udp-main.ts')} ${APP_NAME} ${PORT}`
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
  does: 'the name server of the data centre is stopped, and its machine says so of each datagram',
  hints: ['the program of the user only waits', 'no session failed to open', 'backstitch client status'],
  hop: 'application',
  code: 'APP_REFUSED',
  seen: [/^10\.1\.9\.80:5353: ECONNREFUSED/],
  examine: clientSays,
  inject: (lab) => lab.apply({ udp: [String(PORT)] }),
  async noticed(lab) {
    await sends(lab)
    return (await lab.clientStatus()).includes('APP_REFUSED')
  },
  async cure(lab, finding) {
    printed(finding, /^Start the application/)
    lab.machines.app.start('echo', [NODE, '-e', ECHO])
  },
  restore: (lab) => lab.apply(),
}
