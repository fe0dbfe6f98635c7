import { writeFileSync } from 'node:fs'
import type { FaultCode } from '../../src/base/faults.ts'
import { createPublicCertificate } from '../../src/control/front/public-certificate.ts'
import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import { noteGone, oneSays } from '../deep-check.ts'
import type { Lab } from '../lab.ts'
import { labProgram, NODE } from '../paths.ts'
import type { Since, Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'

const MAIN = labProgram('application-main')
const PORT = 8443
const OLD_NAME = 'legacy.example.com'

const running = new WeakMap<Lab, Daemon>()

const DAY_MS = 86_400_000

/**
 * The application once more, in TLS, with a certificate that has this name. Resolves when it can be connected to.
 *
 * @param days From now, on which it was made; it is good for 397.
 */
async function speakTls(lab: Lab, name: string, days = 0): Promise<void> {
  await hush(lab)
  const { app } = lab.machines
  const [key, certificate] = [`${app.dir}/tls.key`, `${app.dir}/tls.pem`]
  const made = await createPublicCertificate([name], Date.now() + days * DAY_MS)
  writeFileSync(key, made.key)
  writeFileSync(certificate, made.cert)
  const daemon = app.start('app-tls', [NODE, MAIN, ADDRESS.app, String(PORT), certificate, key])
  running.set(lab, daemon)
  const listens = async () => (await app.run('nc', '-z', '-w', '1', ADDRESS.app, String(PORT))).code === 0
  await daemon.until(listens, 'listen', 20_000)
}

async function hush(lab: Lab): Promise<void> {
  const daemon = running.get(lab)
  if (daemon !== undefined) await lab.machines.app.stop(daemon, 'SIGKILL')
}

const common = {
  hints: [
    'TCP connects',
    'the browser warns, the connectors do not care',
    'what does that certificate contain?',
  ],
  hop: 'application',
  app: `${APP_NAME}:${PORT}`,
  async restore(lab) {
    await hush(lab)
    await lab.apply()
  },
} as const satisfies Partial<Variant>

/** The first user whose program refuses it is enough: from then on connectors look closer. */
async function browsed(lab: Lab, since: Since, code: FaultCode): Promise<boolean> {
  await lab.browse(APP_NAME, PORT, 'https')
  return oneSays(lab, since, code)
}

async function wellAgain(lab: Lab, code: FaultCode): Promise<void> {
  await Promise.all([lab.connectors.a, lab.connectors.b].map((one) => noteGone(one, code)))
}

const notNow = {
  ...common,
  code: 'APP_CERT_EXPIRED',
  noticed: (lab, since) => browsed(lab, since, 'APP_CERT_EXPIRED'),
} as const satisfies Partial<Variant>

/** What a certificate says of its days, and what cures it. */
export const tlsDays: readonly Variant[] = [
  {
    ...notNow,
    name: 'tls-expired',
    does: 'the application speaks TLS with a certificate that expired three days ago',
    seen: [/valid from \S+ to \S+; the time here is \S+/],
    async inject(lab) {
      await lab.apply({ tcp: [String(APP_PORT), String(PORT)] })
      await speakTls(lab, APP_NAME, -400)
    },
    async cure(lab, finding) {
      const [, name] = printed(finding, /^renew the certificate of (\S+)$/)
      await speakTls(lab, name!)
      await wellAgain(lab, 'APP_CERT_EXPIRED')
    },
  },
  {
    ...notNow,
    name: 'tls-early',
    does: 'the application speaks TLS with a certificate that becomes valid in two days: it was issued by a machine whose clock is ahead',
    seen: [/valid from \S+ to \S+; the time here is \S+/],
    async inject(lab) {
      await lab.apply({ tcp: [String(APP_PORT), String(PORT)] })
      await speakTls(lab, APP_NAME, 2)
    },
    async cure(lab, finding) {
      const [, name] = printed(finding, /and reissue the one for (\S+)$/)
      await speakTls(lab, name!)
      await wellAgain(lab, 'APP_CERT_EXPIRED')
    },
  },
]

export const tlsName: Variant = {
  ...common,
  name: 'tls-name',
  does: 'the application moved to TLS, with the certificate of the host it was copied from',
  hints: [
    'TCP connects',
    'the browser warns, the connectors do not care',
    'which host is that certificate for?',
  ],
  code: 'APP_TLS_NAME',
  seen: [/names: DNS:legacy\.example\.com/],
  async inject(lab) {
    await lab.apply({ tcp: [String(APP_PORT), String(PORT)] })
    await speakTls(lab, OLD_NAME)
  },
  noticed: (lab, since) => browsed(lab, since, 'APP_TLS_NAME'),
  async cure(lab, finding) {
    const [, name] = printed(finding, /^add (\S+) to the certificate$/)
    await speakTls(lab, name!)
    await wellAgain(lab, 'APP_TLS_NAME')
  },
}
