import { browse } from '../browse.ts'
import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import { endCertificate } from '../ended-certificate.ts'
import type { Lab } from '../lab.ts'
import type { Variant } from '../scenario.ts'
import { signalPart, signalServer } from '../server-parts.ts'

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
    does: "the user's laptop was closed on Friday, and its certificate has expired since",
    hints: [
      'other users connect',
      'what does the client report about itself?',
      'how long is a certificate valid?',
    ],
    hop: 'client',
    code: 'REAUTH_NEEDED',
    seen: [/the device certificate expired 2\S+Z/],
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
    does: "the user's laptop was reported lost, an admin deleted it, and it was in the other bag",
    hints: [
      'other users connect',
      'the device is the problem, not the person',
      'what does the client report about itself?',
    ],
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
      does: 'the server hangs: its machine still accepts connections, but nothing answers on them',
      hints: [
        'TCP connects',
        'both connectors have lost the control plane too',
        'what are they all waiting for?',
      ],
      hop: 'edge',
      code: 'CONTROL_UNREACHABLE',
      seen: [/control connection is down: HANDSHAKE_TIMEOUT: control TLS with edge\.example\.net:443/],
      inject: async (lab) => signalServer(lab, 'SIGSTOP'),
      async cure(lab, finding) {
        printed(finding, /^Check the control plane[;.] [Ss]essions with valid grants continue meanwhile/)
        signalServer(lab, 'SIGCONT')
      },
      restore: async (lab) => signalServer(lab, 'SIGCONT'),
    }),
    // The tunnel that was open is tried first, and nobody answers in it, either; then a new connection is.
    noticed: async (lab) => {
      await lab.ask('/', 4)
      return /CONTROL_UNREACHABLE \(edge\)/.test((await lab.clientStatus()).split('DECIDED AT')[1] ?? '')
    },
    noticeMs: 60_000,
  },
  {
    name: 'other-user',
    does: 'a service on the same laptop, running as another user, was pointed at the local proxy',
    hints: [
      'the person at the laptop can connect',
      'which user does the program run as?',
      'what does the client report about itself?',
    ],
    hop: 'client',
    code: 'LOCAL_USER_REFUSED',
    seen: [/user nobody \(uid 65534\); only root \(uid 0\) may/],
    examine: (lab) => browse(lab, undefined, undefined, NOBODY),
    async inject() {}, // it was never let in
    noticed: async (lab) => {
      await browse(lab, undefined, undefined, NOBODY)
      return /refused, the last user nobody/.test(lineOf('local users', await lab.clientStatus()))
    },
    async cure(lab, finding) {
      printed(finding, /add the user to allowUsers in client\.yaml/)
      await lab.client.allow([NOBODY])
    },
    restore: (lab) => lab.client.allow([]),
  },
  {
    name: 'control-hung',
    does: 'only the control plane hangs; the edge, a separate process, keeps carrying sessions',
    hints: [
      'existing sessions and downloads continue',
      'the edge answers, with an error',
      'which part decides, and which part carries?',
    ],
    hop: 'control',
    code: 'CONTROL_UNREACHABLE',
    seen: [/edge \S+ answers, but the control plane behind it does not/],
    async inject(lab) {
      const download = await lab.client.download()
      signalPart(lab, 'control', 'SIGSTOP')
      open.set(lab, { download, bytes: lab.client.downloadedBytes })
    },
    // Client and connector say it, and the session that was open has carried all the while.
    noticed: async (lab, since) => {
      const { download, bytes } = open.get(lab)!
      if (download.ended) throw new Error(`the session that was open has ended:\n${download.tail()}`)
      const carried = lab.client.downloadedBytes - bytes > CARRIED_BYTES
      const said = since.faults(lab.connectors.a).some(({ code }) => code === 'CONTROL_UNREACHABLE')
      return carried && said && lineOf('fault', await lab.clientStatus()).includes('CONTROL_UNREACHABLE')
    },
    noticeMs: 60_000,
    async cure(lab, finding) {
      printed(finding, /^Check the control plane[;.] [Ss]essions with valid grants continue meanwhile/)
      if (open.get(lab)!.download.ended) throw new Error('the session that was open has ended')
      signalPart(lab, 'control', 'SIGCONT')
    },
    async restore(lab) {
      signalPart(lab, 'control', 'SIGCONT')
      const held = open.get(lab)
      if (held !== undefined) await lab.machines.user.stop(held.download, 'SIGKILL')
    },
  },
]

const NOBODY = 65_534

/** Sessions that are held open while nobody decides. */
const open = new WeakMap<Lab, { readonly download: Daemon; readonly bytes: number }>()
/** More than what was under way when the control plane stopped. */
const CARRIED_BYTES = 100_000
