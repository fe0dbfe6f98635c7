import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { formatProvisioningKey, parseProvisioningKey } from '../../src/pki/provisioning-key.ts'
import { printed, replaceKey } from '../cures.ts'
import type { Finding } from '../doctor.ts'
import type { Lab } from '../lab.ts'
import type { Scenario, Variant } from '../scenario.ts'
import { GROUP } from '../topology.ts'

/** connector-a is a new machine, with this in its key file. */
function variant(
  o: Omit<Variant, 'inject' | 'hints' | 'cure'> &
    Partial<Pick<Variant, 'cure'>> & { hint: string; key: (lab: Lab, key: string) => Promise<void> },
): Variant {
  const { key, hint, ...rest } = o
  return {
    cure: (lab, finding) => replaceKey(lab, lab.connectors.a, finding),
    ...rest,
    hints: [
      'connector-a is a new machine that has never enrolled',
      'the network is fine: connector-b works',
      hint,
    ],
    async inject(lab) {
      const { a } = lab.connectors
      await a.wipe()
      a.key('') // so that nothing of an earlier enrolment is left
      await key(lab, await lab.createKey())
      a.start()
      await a.daemon.until(
        async () => (await a.status()) !== undefined,
        'answer on its status socket',
        20_000,
      )
    },
    async restore(lab) {
      const { a } = lab.connectors
      a.configure()
      if ((await a.status())?.state === 'healthy') return
      await a.wipe()
      a.key(await lab.createKey())
      a.start()
    },
  }
}

/** "backstitch key create --group dc1", or "create a new one": the operator does. */
async function newKey(lab: Lab, finding: Finding): Promise<void> {
  printed(
    finding,
    /key create --group (?:dc1|GROUP)|create a new one|Create a key on this control plane|give this machine a new key of it|Create a key for this machine's group or edge/,
  )
  lab.connectors.a.key(await lab.createKey())
}

/** A key that was made after the backup that the server now runs on. */
async function keyAfterBackup(lab: Lab): Promise<string> {
  const { edge } = lab.machines
  const state = path.join(edge.dir, 'server')
  const backup = path.join(edge.dir, 'backup')
  await edge.stop(lab.server)
  await edge.succeed('cp', '-a', state, backup)
  await lab.restartServer()
  const key = await lab.createKey()
  await edge.stop(lab.server)
  await edge.succeed('rm', '-rf', state)
  await edge.succeed('mv', backup, state)
  await lab.restartServer()
  return key
}

/** The same key with the pin of a server that is gone. */
function ofAnotherTenant(key: string): string {
  return formatProvisioningKey({ ...parseProvisioningKey(key), pin: randomBytes(32) })
}

const put = (change: (key: string) => string) => async (lab: Lab, key: string) =>
  lab.connectors.a.key(change(key))

export const key: Scenario = {
  id: 'SCN-02',
  title: 'The provisioning key is not accepted',
  story: `connector-a was installed this morning from a wiki page, in a hurry. The key went from a browser into a chat, from
the chat into an editor, and from there into a file. Somewhere along the way it stopped being a key, or another
machine had already used it.`,
  variants: [
    variant({
      name: 'missing',
      does: 'there is no key file',
      hint: 'look at the files',
      hop: 'connector',
      code: 'KEY_MISSING',
      seen: [/there is no \S+provision_key/],
      key: async (lab) => void (await lab.machines['connector-a'].succeed('rm', lab.connectors.a.keyFile)),
    }),
    variant({
      name: 'unreadable',
      does: 'the key file belongs to root, mode 0600',
      hint: 'become the service user, and look at the file',
      hop: 'connector',
      code: 'KEY_UNREADABLE',
      seen: [/EACCES for uid 65534; owner uid 0, mode 0600/],
      key: async (lab, text) => lab.connectors.a.key(text, { uid: 0 }),
      async cure(lab, finding) {
        for (const command of finding.fix) await lab.machines['connector-a'].succeed('bash', '-c', command)
      },
    }),
    variant({
      name: 'quotes',
      does: 'an editor put typographic quotes around the key',
      hint: 'look at the bytes of the file',
      hop: 'connector',
      code: 'KEY_MALFORMED',
      seen: [/position 1, .*U\+201C/],
      key: put((text) => `“${text.trim()}”\n`),
    }),
    variant({
      name: 'bom',
      does: 'an editor put a byte order mark before the key',
      hint: 'look at the bytes of the file',
      hop: 'connector',
      code: 'KEY_MALFORMED',
      seen: [/position 1, .*U\+FEFF/],
      key: put((text) => `\uFEFF${text}`),
    }),
    variant({
      name: 'spaces',
      does: 'the chat broke the key with a space',
      hint: 'look at the bytes of the file',
      hop: 'connector',
      code: 'KEY_MALFORMED',
      seen: [/position 30, .*U\+0020/],
      key: put((text) => `${text.slice(0, 29)} ${text.slice(29)}`),
    }),
    variant({
      name: 'exhausted',
      does: 'the key has already been used by another connector',
      hint: 'ask the control plane about the key',
      hop: 'control',
      cure: newKey,
      code: 'KEY_EXHAUSTED',
      seen: [/1/],
      key: async (lab) => lab.connectors.a.key(lab.spentKey),
    }),
    variant({
      name: 'expired',
      does: 'the key was valid for one second, and that was before lunch',
      hint: 'ask the control plane about the key',
      hop: 'control',
      cure: newKey,
      code: 'KEY_EXPIRED',
      seen: [/expired|ended/],
      key: async (lab) => {
        lab.connectors.a.key(await lab.createKey('--expires', '1s'))
        await new Promise((resolve) => setTimeout(resolve, 1100))
      },
    }),
    variant({
      name: 'deleted',
      does: 'an admin deleted the key',
      hint: 'ask the control plane about the key',
      hop: 'control',
      cure: newKey,
      code: 'KEY_REVOKED',
      seen: [/dc1-deleted/],
      key: async (lab) => {
        lab.connectors.a.key(await lab.createKey('--name', `${GROUP}-deleted`))
        await lab.admin('delete', 'key', `${GROUP}-deleted`)
      },
    }),
    variant({
      name: 'unknown',
      does: 'the server was restored from a backup that is older than the key',
      hint: 'ask the control plane about the key',
      hop: 'control',
      cure: newKey,
      code: 'KEY_UNKNOWN',
      seen: [/no provisioning key has this secret/, /the control plane at edge\.example\.net:443/],
      key: async (lab) => lab.connectors.a.key(await keyAfterBackup(lab)),
    }),
    variant({
      name: 'other-tenant',
      does: 'the key belongs to an earlier installation of the server',
      hint: 'which server answers, and which one issued the key?',
      hop: 'edge',
      cure: newKey,
      code: 'PIN_MISMATCH',
      seen: [/identity=backstitch:\/\//],
      key: async (lab, text) => lab.connectors.a.key(ofAnotherTenant(text)),
    }),
    variant({
      name: 'wrong-group',
      does: 'connector-a is configured for group dc1, but the key is for dc2',
      hint: 'which group is the key for, and which the machine?',
      hop: 'control',
      cure: newKey,
      code: 'KEY_WRONG_GROUP',
      seen: [/dc2/],
      key: async (lab) => {
        lab.connectors.a.configure({ group: GROUP })
        await lab.declare({ kind: 'connector-group', name: 'dc2' })
        lab.connectors.a.key(await lab.admin('key', 'create', '--group', 'dc2'))
      },
    }),
  ],
}
