import { noteGone, oneSays } from '../closer-look.ts'
import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { NODE } from '../paths.ts'
import type { Variant } from '../scenario.ts'
import { ADDRESS, APP_NAME, APP_PORT } from '../topology.ts'

const MAIN = new URL('../application-main.ts', import.meta.url).pathname
const PORT = 8443
const OLD_NAME = 'legacy.example.com'

const running = new WeakMap<Lab, Daemon>()

/** The application once more, in TLS, with a certificate that has this name. Resolves when it can be connected to. */
async function speakTls(lab: Lab, name: string): Promise<void> {
  await hush(lab)
  const { app } = lab.machines
  const [key, certificate] = [`${app.dir}/tls.key`, `${app.dir}/tls.pem`]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
  await app.succeed('openssl', 'req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...names)
  const daemon = app.start('app-tls', [NODE, MAIN, ADDRESS.app, String(PORT), certificate, key])
  running.set(lab, daemon)
  const listens = async () => (await app.run('nc', '-z', '-w', '1', ADDRESS.app, String(PORT))).code === 0
  await daemon.until(listens, 'listen', 20_000)
}

async function hush(lab: Lab): Promise<void> {
  const daemon = running.get(lab)
  if (daemon !== undefined) await lab.machines.app.stop(daemon, 'SIGKILL')
}

export const tlsName: Variant = {
  name: 'tls-name',
  does: 'the application moved to TLS, with the certificate of the host that it was copied from',
  hints: ['TCP connects', 'the browser warns, and the connectors do not care', 'whose certificate is that?'],
  hop: 'application',
  code: 'APP_TLS_NAME',
  app: `${APP_NAME}:${PORT}`,
  seen: [/names: DNS:legacy\.example\.com/],
  async inject(lab) {
    await lab.apply({ tcp: [String(APP_PORT), String(PORT)] })
    await speakTls(lab, OLD_NAME)
  },
  // The first user whose program refuses it is enough: from then on connectors look whose certificate answers.
  noticed: async (lab, since) => {
    await lab.browse(APP_NAME, PORT, 'https')
    return oneSays(lab, since, 'APP_TLS_NAME')
  },
  async cure(lab, finding) {
    const [, name] = printed(finding, /^add (\S+) to the certificate$/)
    await speakTls(lab, name!)
    await Promise.all([lab.connectors.a, lab.connectors.b].map((one) => noteGone(one, 'APP_TLS_NAME')))
  },
  async restore(lab) {
    await hush(lab)
    await lab.apply()
  },
}
