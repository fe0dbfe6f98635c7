/**
 * Whom the doctor looks at: which role, where its files lie, as which user it runs, and what they say of edge and pin.
 *
 * @module
 */
import { createHash, X509Certificate } from 'node:crypto'
import { access, stat } from 'node:fs/promises'
import path from 'node:path'
import { EdgeCache } from '../agent/edges/edge-cache.ts'
import type { EdgeReport } from '../agent/edges/edge-monitor.ts'
import { readKeyFile } from '../agent/identity/key-file.ts'
import { asFault, Fault } from '../base/faults.ts'
import { silentLog } from '../base/log.ts'
import { StateDir } from '../base/state-dir.ts'
import { readStatus } from '../base/status-socket.ts'
import { CLIENT_STATE, clientDirs } from '../client/dirs.ts'
import { readClientConfig } from '../client/options.ts'
import { loadProfile } from '../client/uplink/profile.ts'
import { peekIdentity } from '../connector/enrol/identity.ts'
import { SealedState } from '../connector/enrol/sealed-state.ts'
import { readConnectorConfig } from '../connector/options.ts'
import { lookForKiller } from '../doctor/daemon-look.ts'
import { type GivenFacts, OUR_NAMES } from '../doctor/examine.ts'
import type { IdentityFacts, KeyFacts } from '../doctor/facts.ts'
import type { AppTarget, Patient, PatientRole } from '../doctor/patient.ts'
import type { EdgeAddress } from '../link/dial/credentials.ts'
import type { EgressInput } from '../link/dial/egress.ts'
import type { ProvisioningKey } from '../pki/provisioning-key.ts'
import { lookAtDenials } from '../probe/lsm-denials.ts'
import { readMachine } from '../probe/machine.ts'

const STATUS_MS = 1000

export interface PatientFlags {
  readonly config?: string
  readonly state?: string
  readonly keyFile?: string
  readonly proxy?: string
  readonly edge?: EdgeAddress
  readonly pin?: Buffer
  readonly app?: AppTarget
  /** A daemon looks as itself: it is the user that counts, and must stay it. */
  readonly asThisUser?: boolean
}

export interface AdmittedPatient {
  readonly patient: Patient
  readonly given: GivenFacts
  readonly egress: EgressInput
}

interface PatientPlaces {
  readonly role: PatientRole
  readonly stateDir: string
}

/**
 * Where the state lies: as the flag says, as the configuration says, or in the first usual place that is there.
 *
 * @throws {Fault} DAEMON_DOWN if nothing of either role is there.
 */
export async function findPlaces(
  role: PatientRole | undefined,
  { state, config }: Pick<PatientFlags, 'state' | 'config'>,
): Promise<PatientPlaces> {
  if (state !== undefined) {
    const found = role ?? ((await exists(path.join(state, 'profile.json'))) ? 'client' : 'connector')
    return { role: found, stateDir: path.resolve(state) }
  }
  // As every command of the client takes it: before what a configuration says, and before usual places.
  const isSaid = Boolean(process.env[CLIENT_STATE])
  const own = clientDirs().state
  if (isSaid && role === 'client') return { role, stateDir: path.resolve(own!) }
  const named = await configured(role, config)
  const usual: PatientPlaces[] = [
    ...named.filter((place) => place.role === 'connector' || !isSaid),
    { role: 'connector', stateDir: path.resolve('.backstitch/connector') },
    { role: 'connector', stateDir: '/var/lib/backstitch/connector' },
    ...(isSaid ? [] : [{ role: 'client' as const, stateDir: path.resolve('.backstitch/client') }]),
    ...(own === undefined ? [] : [{ role: 'client' as const, stateDir: path.resolve(own) }]),
  ]
  const wanted = usual.filter((place) => role === undefined || place.role === role)
  for (const place of wanted) if (await exists(place.stateDir)) return place
  const installed = wanted.find(({ stateDir }) => !stateDir.startsWith(process.cwd()))
  const isMeant = role !== undefined || (await exists('/etc/backstitch/provision_key'))
  if (isMeant && installed !== undefined) return installed
  const host = role === undefined && state === undefined ? await hostHere() : undefined
  const others =
    host === undefined ? '' : `, but ${host === 'edge' ? 'an' : 'a'} ${host} has: backstitch doctor ${host}`
  throw new Fault('DAEMON_DOWN', `no connector or client has ever run here${others}`, {
    seen: { looked: wanted.map(({ stateDir }) => stateDir) },
  })
}

async function hostHere(): Promise<'server' | 'edge' | undefined> {
  for (const host of ['server', 'edge'] as const) {
    if (await exists(`/var/lib/backstitch/${host}`)) return host
  }
  return undefined
}

/** A configuration that somebody named is whose state is meant. */
async function configured(
  role: PatientRole | undefined,
  config: string | undefined,
): Promise<PatientPlaces[]> {
  const ofConnector = role === 'client' ? undefined : (config ?? process.env.BACKSTITCH_CONFIG)
  if (ofConnector !== undefined) {
    return [{ role: 'connector', stateDir: (await readConnectorConfig(ofConnector)).stateDir }]
  }
  const { stateDir } = await readClientConfig(config ?? process.env.BACKSTITCH_CLIENT_CONFIG)
  return stateDir === undefined ? [] : [{ role: 'client', stateDir }]
}

/**
 * Everything about the patient that has to be known first. Becomes the user that the daemon runs as, where it may:
 * what root can reach, the daemon perhaps cannot.
 */
export async function admit(
  { role, stateDir }: PatientPlaces,
  flags: PatientFlags,
  signal: AbortSignal,
): Promise<AdmittedPatient> {
  const byRoot = process.getuid?.() === 0 ? await lookAsRoot(stateDir, signal) : {}
  return role === 'connector' ? admitConnector(stateDir, flags, byRoot) : admitClient(stateDir, flags, byRoot)
}

/** The logs of the kernel are not for everybody. */
async function lookAsRoot(stateDir: string, signal: AbortSignal): Promise<GivenFacts> {
  const [denials, oomKill] = await Promise.all([
    lookAtDenials(OUR_NAMES, signal),
    lookForKiller(stateDir, signal),
  ])
  return { denials, oomKill }
}

async function admitConnector(
  stateDir: string,
  flags: PatientFlags,
  byRoot: GivenFacts,
): Promise<AdmittedPatient> {
  const config = await readConnectorConfig(flags.config ?? process.env.BACKSTITCH_CONFIG)
  const machine = await readMachine({ gathered: config.gatheredFile })
  if (!flags.asThisUser) await becomeOwnerOf(stateDir)
  const keyFile = flags.keyFile ?? config.keyFile
  const sealedState = new SealedState(StateDir.at(stateDir, 'connector'), machine, silentLog)
  const { found, facts: identity } = await lookAtIdentity(sealedState)
  const { key, facts } = await lookAtKey(keyFile)
  const edge =
    from(flags.edge, 'flag --edge') ??
    from(config.edge, 'the configuration') ??
    from(await edgeInUse(stateDir), 'the daemon') ??
    from(found?.edge, 'the identity') ??
    from(key && { host: key.edgeHost, port: key.edgePort }, 'the provisioning key')
  const pin = flags.pin ?? (found ? pinOf(found.rootPem) : key?.pin)
  return {
    patient: {
      ...{ role: 'connector', stateDir, keyFile, group: config.group ?? (await groupIn(stateDir)) },
      ...{ proxyFile: config.proxyFile, pin, app: flags.app },
      edge: edge && { ...edge, controlPort: config.controlPort },
    },
    given: { ...byRoot, identity, key: facts },
    egress: { flag: flags.proxy ?? config.proxy, file: config.proxyFile },
  }
}

/** As the control plane said last: it stands where the identity cannot be read, too. */
async function groupIn(stateDir: string): Promise<string | undefined> {
  return (await EdgeCache.open(StateDir.at(stateDir), silentLog)).group
}

async function admitClient(
  stateDir: string,
  flags: PatientFlags,
  byRoot: GivenFacts,
): Promise<AdmittedPatient> {
  const config = await readClientConfig(flags.config ?? process.env.BACKSTITCH_CLIENT_CONFIG)
  if (!flags.asThisUser) await becomeOwnerOf(stateDir)
  let identity: IdentityFacts = { stored: false, drifted: [] }
  const profile = await loadProfile(StateDir.at(stateDir, 'client')).catch((error: unknown) => {
    identity = { stored: true, drifted: [], fault: asFault(error, 'INVALID') }
    return undefined
  })
  if (profile) {
    const { deviceId: id, user, notAfterMs } = profile
    identity = { stored: true, id, user, notAfterMs, drifted: [] }
  }
  const edge =
    from(flags.edge, 'flag --edge') ??
    from(await edgeInUse(stateDir), 'the daemon') ??
    from(profile?.edge, 'the profile')
  const pin = flags.pin ?? (profile && Buffer.from(profile.pin, 'hex'))
  return {
    patient: { role: 'client', stateDir, proxyFile: config.proxyFile, edge, pin, app: flags.app },
    given: { ...byRoot, identity },
    egress: { flag: flags.proxy ?? config.proxy, file: config.proxyFile },
  }
}

async function lookAtIdentity(sealedState: SealedState) {
  try {
    const peeked = await peekIdentity(sealedState)
    if (peeked === undefined) return { facts: { stored: false, drifted: [] } }
    const { id, notAfterMs } = peeked.identity
    const drifted = peeked.drifted.map(({ factor, oldHash, newHash }) => `${factor} ${oldHash}→${newHash}`)
    return { found: peeked.identity, facts: { stored: true, id, notAfterMs, drifted } }
  } catch (error) {
    return { facts: { stored: true, drifted: [], fault: asFault(error, 'INVALID', 'connector') } }
  }
}

export async function lookAtKey(file: string): Promise<{ key?: ProvisioningKey; facts: KeyFacts }> {
  try {
    const key = await readKeyFile(file, silentLog) // first: it says why a file cannot be read
    const { ctimeMs } = await stat(file)
    return { key, facts: { file, changedMs: ctimeMs } }
  } catch (error) {
    return { facts: { file, fault: asFault(error, 'KEY_UNREADABLE') } }
  }
}

/** The owner of its state directory is the service user. Not to be undone: this process only looks, and ends. */
async function becomeOwnerOf(stateDir: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const owner = await stat(stateDir).catch(() => undefined)
  if (owner === undefined || owner.uid === 0) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** Of several edges the way that counts is the one that the daemon has taken. */
async function edgeInUse(stateDir: string): Promise<EdgeAddress | undefined> {
  const status = await readStatus(path.join(stateDir, 'status.sock'), STATUS_MS)
  return (status as { edges?: readonly EdgeReport[] } | undefined)?.edges?.find(({ inUse }) => inUse)
}

/** SHA-256 of the tenant root. */
export function pinOf(rootPem: string): Buffer {
  return createHash('sha256').update(new X509Certificate(rootPem).raw).digest()
}

/** An edge, and who says so. */
export function from(edge: EdgeAddress | undefined, source: string): Patient['edge'] {
  return edge && { host: edge.host, port: edge.port, source }
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}
