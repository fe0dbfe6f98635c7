import { VERSION } from '../../base/version.ts'
import type { PackageFacts } from '../../probe/package.ts'
import { type Check, check, type Failure, fail, pass, unknown } from '../check.ts'
import type { Patient } from '../patient.ts'
import { hopOfRole, unitOf, verifyHealthy } from './words.ts'

/** Packed, unpacked, and the old version beside it, which stays until the new one has connected. */
const ROOM_FACTOR = 4
const MIB = 2 ** 20

/** Can it be installed? The steps in the order in which an upgrade takes them; the first that fails is named. */
export const upgradePackage: Check = check({
  name: 'upgrade-package',
  title: 'the package to install',
  hop: 'self',
  applies: ({ patient }) => patient.package !== undefined,
  needs: ['package'],
  after: ['disk'],
  judge: ({ package: found }, { patient }) => {
    const failure = unread(found, patient) ?? unsigned(found, patient) ?? noRoom(found, patient)
    if (failure !== undefined) return failure
    if (found.signature.is === 'unasked') {
      return unknown('there is room for it; its signature was not checked: name the key with --package-key')
    }
    return pass(`${mib(found.bytes!)}, signature good, ${mib(found.room.freeBytes)} free`)
  },
})

/** What runs is what is installed, or somebody forgot to start it anew. */
export const upgradeVersion: Check = check({
  name: 'upgrade-version',
  title: 'the running version',
  hop: 'self',
  needs: ['daemon'],
  after: ['daemon'],
  judge: ({ daemon: { version, pid } }, { patient }) => {
    if (version === undefined) return undefined
    if (version === VERSION) return pass(`${version}, as installed`)
    return failed(patient, {
      step: 'start',
      expected: `a daemon of version ${VERSION}, as installed`,
      seen: [`the daemon (process ${pid}) is version ${version}`, `this program is version ${VERSION}`],
      cause: `Version ${VERSION} is installed, but version ${version} is still running: it was not restarted, or could not start.`,
      fix: [`systemctl restart ${unitOf(patient.role)}`, `journalctl -u ${unitOf(patient.role)} -n 50`],
    })
  },
})

function unread({ files, errno }: PackageFacts, patient: Patient): Failure | undefined {
  if (errno === undefined) return undefined
  return failed(patient, {
    step: 'read',
    expected: `a package at ${files.file}`,
    seen: [`${files.file}: ${errno}`],
    cause: 'The package cannot be read.',
    fix: [`ls -l ${files.file}`, `name the file that exists, or: chmod a+r ${files.file}`],
  })
}

function unsigned({ files, signature }: PackageFacts, patient: Patient): Failure | undefined {
  if (signature.is === 'good' || signature.is === 'unasked') return undefined
  const bad = signature.is === 'bad'
  const { publicKeyFile = 'no file', signatureFile, file } = files
  return failed(patient, {
    step: 'verify',
    expected: `a signature of ${file} by the key in ${publicKeyFile}`,
    seen: [
      signature.is === 'bad' ? `${signatureFile} is not a signature of this file by this key` : signature.saw,
    ],
    cause: bad
      ? 'The package is not what was signed: it was changed, truncated, or comes from another source.'
      : 'The signature cannot be checked.',
    fix: ['download the package and its signature again; do not install this one'],
  })
}

function noRoom({ bytes = 0, room }: PackageFacts, patient: Patient): Failure | undefined {
  const wanted = bytes * ROOM_FACTOR
  if (room.freeBytes >= wanted) return undefined
  return failed(patient, {
    step: 'room',
    expected: `${mib(wanted)} free at ${room.path}`,
    seen: [`the package has ${mib(bytes)}`, `${mib(room.freeBytes)} free at ${room.path}`],
    cause: 'There is no room for the new version next to the old one.',
    fix: [`df -h ${room.path}`, 'free space there, then install the package again'],
  })
}

function failed(
  patient: Patient,
  { step, ...o }: Pick<Failure, 'expected' | 'fix'> & { step: string; seen: string[]; cause: string },
): Failure {
  return fail('UPGRADE_FAILED', {
    ...o,
    hop: hopOfRole(patient.role),
    seen: [`step ${step}`, ...o.seen],
    verify: verifyHealthy(patient),
  })
}

function mib(bytes: number): string {
  return `${Number((bytes / MIB).toFixed(1))} MiB`
}
