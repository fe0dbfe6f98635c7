import { readFileSync, readlinkSync } from 'node:fs'
import { runPrinted } from '../cures.ts'
import { descriptorsAgain, noMoreDescriptors } from '../descriptors.ts'
import type { Lab } from '../lab.ts'
import type { Scenario } from '../scenario.ts'
import { SmallDisk } from '../small-disk.ts'
import { contextDamaged, listDamaged, withoutSudo } from './scn-17-blind.ts'
import { ofControl, ofDevice, ofEdge, ofServerEdge } from './scn-17-descriptors.ts'
import { portsToApp, portsToEdge } from './scn-17-shortage.ts'

const disks = new WeakMap<Lab, SmallDisk>()
/** Whose process has no descriptors left. */
const limited = new WeakMap<Lab, number>()

async function restart(lab: Lab): Promise<void> {
  const { a } = lab.connectors
  await a.stop('SIGKILL')
  a.within = []
  a.start()
}

export const machine: Scenario = {
  id: 'SCN-17',
  title: 'The machine under the connector fails it',
  story: `The connector is healthy, the network is healthy, and the machine is a virtual one cloned from a 2017 template. Its
disk is eight gigabytes, mostly old core dumps; its limits were set for a mail server; and its directories belong to
the user who unpacked them. None of that shows in a ping.`,
  variants: [
    {
      name: 'unwritable',
      does: 'a hardening script made the state directory of connector-a read-only',
      hints: ['the daemon exits at startup', 'check its log', 'who may write to the state directory?'],
      hop: 'connector',
      code: 'STATE_UNWRITABLE',
      seen: [/state: owner uid 65534, mode 0?500/, /EACCES for/],
      async inject(lab) {
        const { a } = lab.connectors
        await a.stop()
        await a.machine.succeed('chmod', '0500', a.stateDir)
        a.start()
      },
      restarts: true,
      async cure(lab, finding) {
        await runPrinted(lab.connectors.a, finding, /^chmod 0700 .*$/)
        await restart(lab)
      },
      async restore(lab) {
        const { a } = lab.connectors
        await a.machine.succeed('chmod', '0700', a.stateDir)
        if (!a.runs) await restart(lab)
      },
    },
    {
      name: 'disk-full',
      does: "the disk that holds connector-a's state is completely full",
      hints: ['the daemon is running', 'what does it write, and where?', 'df -h'],
      hop: 'connector',
      code: 'DISK_FULL',
      seen: [/0 MiB of \d+ MiB free at/],
      alone: true,
      async inject(lab) {
        const { a } = lab.connectors
        await a.stop()
        const disk = await SmallDisk.under(a.stateDir, { bytes: 8 * 1024 * 1024 })
        disks.set(lab, disk)
        await disk.fill()
        a.start()
      },
      restarts: true,
      cure: async (lab) => {
        disks.get(lab)!.free() // what "du | sort" shows is removed
        if (!lab.connectors.a.runs) lab.connectors.a.start()
      },
      async restore(lab) {
        disks.get(lab)?.free()
        await lab.connectors.a.stop('SIGKILL')
        await disks.get(lab)?.[Symbol.asyncDispose]()
        disks.delete(lab)
        lab.connectors.a.start()
      },
    },
    {
      name: 'descriptors',
      does: 'connector-a may open no more files than it has open already',
      hints: ['the daemon is running', 'it opens nothing new', 'ls /proc/PID/fd | wc -l; prlimit'],
      hop: 'connector',
      code: 'FD_EXHAUSTED',
      seen: [/process \d+ has \d+ of \d+ open/],
      async inject(lab) {
        const { a } = lab.connectors
        const { pid } = (await a.status())!
        limited.set(lab, pid)
        await noMoreDescriptors(a.machine, pid, SERVICE)
      },
      // It counts all of them as what it can carry, and takes no more users than that.
      noticed: (lab, since) =>
        since
          .faults(lab.connectors.a)
          .some(({ code, msg }) => code === 'CONNECTOR_OVERLOADED' && /descriptors \d+ %/.test(`${msg}`)),
      restarts: true,
      cure: restart, // "systemctl restart", with the limit that is printed
      // It cannot be asked for its number while it takes no connection.
      restore: (lab) => descriptorsAgain(lab.connectors.a.machine, limited.get(lab)!, SERVICE.split(' ')),
    },
    ofEdge,
    ofServerEdge,
    ofControl,
    ofDevice,
    portsToEdge,
    portsToApp,
    withoutSudo,
    contextDamaged,
    listDamaged,
    {
      name: 'apparmor',
      does: 'an AppArmor profile denies the daemon its own state directory',
      hints: ['owner and mode are correct', 'root is denied too', 'journalctl -k | grep DENIED'],
      hop: 'connector',
      code: 'MAC_DENIED',
      seen: [/apparmor="DENIED"/],
      impossible: () => (securityModules().includes('apparmor') ? undefined : 'this kernel has no AppArmor'),
      inject: async (lab) => void (await lab.connectors.a.machine.succeed('bash', '-c', CONFINE)),
      cure: async (lab) => void (await lab.connectors.a.machine.succeed('bash', '-c', RELEASE)),
      restore: async (lab) => void (await lab.connectors.a.machine.run('bash', '-c', RELEASE)),
    },
  ],
}

/** A limit of another user's process is that user's to set. */
const SERVICE = 'setpriv --reuid=65534 --regid=65534 --clear-groups'
const PROFILE = '/etc/apparmor.d/backstitch-lab'
const NODE = readlinkSync('/proc/self/exe')
const CONFINE = `printf 'profile backstitch-lab ${NODE} { file, network, deny /tmp/bslab-*/connector-a/state/** w, }' > ${PROFILE} && apparmor_parser -r ${PROFILE}`
const RELEASE = `apparmor_parser -R ${PROFILE}; rm -f ${PROFILE}`

function securityModules(): string {
  try {
    return readFileSync('/sys/kernel/security/lsm', 'utf8')
  } catch {
    return ''
  }
}
