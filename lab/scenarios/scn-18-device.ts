import { browse } from '../browse.ts'
import { printed } from '../cures.ts'
import { endCertificate } from '../ended-certificate.ts'
import type { Lab } from '../lab.ts'
import type { Variant } from '../scenario.ts'

function variant(
  o: Pick<Variant, 'name' | 'does' | 'hints' | 'hop' | 'code' | 'seen' | 'inject' | 'cure' | 'restore'>,
): Variant {
  return {
    ...o,
    cutsAll: true,
    examine: (lab) => browse(lab),
    // Before anybody has asked for anything: the client knows it by itself.
    noticed: async (lab) => lineOf('fault', await lab.clientStatus()).includes(o.code),
  }
}

function lineOf(field: string, status: string): string {
  return status.split('\n').find((line) => line.startsWith(`${field} `)) ?? ''
}

/** The user at the device, told to sign in, does. */
async function signInAgain(lab: Lab): Promise<void> {
  if (lineOf('fault', await lab.clientStatus()) !== '') await lab.client.signIn()
}

/** Where it is the device of the user, or its way to the control plane, and no decision. */
export const ofTheDevice: readonly Variant[] = [
  variant({
    name: 'reauth',
    does: 'the laptop of the user was shut on Friday, and its certificate has ended since',
    hints: ['other users get in', 'what does the client say of itself?', 'how long does a certificate live?'],
    hop: 'client',
    code: 'REAUTH_NEEDED',
    seen: [/the device certificate ended 2\S+Z/],
    async inject(lab) {
      await lab.client.stop()
      await endCertificate(lab)
      lab.client.start()
    },
    async cure(lab, finding) {
      printed(finding, /^Run: backstitch client login/)
      await lab.client.signIn()
    },
    restore: signInAgain,
  }),
  variant({
    name: 'revoked',
    does: 'the laptop of the user was reported lost, an admin deleted it, and it was in the other bag',
    hints: ['other users get in', 'it is the device, not the person', 'what does the client say of itself?'],
    hop: 'control',
    code: 'IDENTITY_REVOKED',
    seen: [/revoked|deleted/],
    inject: async (lab) => void (await lab.admin('delete', 'client-device', lab.client.profile.deviceId)),
    async cure(lab, finding) {
      printed(finding, /backstitch client login/)
      await lab.client.signIn()
    },
    restore: signInAgain,
  }),
  {
    ...variant({
      name: 'control-unreachable',
      does: 'the server hangs: its machine still takes connections, and nobody answers in them',
      hints: ['TCP connects', 'both connectors have lost control, too', 'what do they all wait for?'],
      hop: 'control',
      code: 'CONTROL_UNREACHABLE',
      seen: [/control connection is down: .*(no reply to a ping|edge\.example\.net:443)/],
      inject: async (lab) => lab.server.signal('SIGSTOP'),
      async cure(lab, finding) {
        printed(finding, /^Check the control plane; sessions on valid grants go on meanwhile/)
        lab.server.signal('SIGCONT')
      },
      restore: async (lab) => lab.server.signal('SIGCONT'),
    }),
    // The tunnel that was open is tried first, and nobody answers in it, either.
    noticed: async (lab) => {
      await lab.ask('/', 4)
      return /CONTROL_UNREACHABLE \(control\)/.test((await lab.clientStatus()).split('DECIDED AT')[1] ?? '')
    },
    noticeMs: 60_000,
  },
]
