import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { asFault } from '../base/faults.ts'
import { StateDir } from '../base/state-dir.ts'
import { readStatus } from '../base/status-socket.ts'
import type { ExamineHostOptions } from '../doctor/examine-host.ts'
import type { IdentityFacts } from '../doctor/facts.ts'
import type { EdgeIdentity } from '../edge/edge-identity.ts'
import type { EdgeDaemonStatus } from '../edge/edge-status.ts'
import { from, lookAtKey, pinOf } from './doctor-patient.ts'
import { parseHostPort, readHostPort } from './globals.ts'
import { filesOf } from './server/files.ts'
import { print } from './terminal.ts'

export type HostRole = 'edge' | 'server'

export interface HostFlags {
  readonly config?: string
  readonly state?: string
  readonly keyFile?: string
  readonly proxy?: string
  /** Where it listens, in place of what is known. */
  readonly edge?: { readonly host: string; readonly port: number }
  /** Of a further edge: the server, in place of what its configuration, identity or key say. */
  readonly home?: { readonly host: string; readonly port: number }
}

/** Looks at the machine of an edge or server. @returns the exit code. */
export async function consultHost(
  role: HostRole,
  flags: HostFlags,
  o: { readonly signal: AbortSignal; readonly json: boolean },
): Promise<number> {
  const { examineHost } = await import('../doctor/examine-host.ts')
  const { renderText } = await import('../doctor/render-text.ts')
  const { DOCTOR_EXIT } = await import('../doctor/report.ts')
  const report = await examineHost({ ...(await hostPatient(role, flags)), signal: o.signal })
  const colour = process.stdout.hasColors?.() ?? false
  print(o.json ? JSON.stringify(report, null, 2) : renderText(report, colour))
  return DOCTOR_EXIT[report.outcome]
}

type HostPatient = Pick<ExamineHostOptions, 'patient' | 'given' | 'egress'>

async function hostPatient(role: HostRole, flags: HostFlags): Promise<HostPatient> {
  return role === 'edge' ? furtherEdge(flags) : server(flags)
}

/** A further edge, and where its home is: as its flags say, its configuration, its identity, or its key. */
export async function furtherEdge(flags: HostFlags): Promise<HostPatient> {
  const { readEdgeConfig } = await import('../edge/edge-options.ts')
  const config = await readEdgeConfig(flags.config ?? process.env.BACKSTITCH_EDGE_CONFIG)
  const stateDir = path.resolve(flags.state ?? config.stateDir)
  const keyFile = flags.keyFile ?? config.keyFile
  const host = { listen: flags.edge ?? (await listenOfDaemon(stateDir)) ?? parseHostPort(config.listen) }
  const { proxyFile } = config
  const [{ found, facts: identity }, { key, facts }] = await Promise.all([
    ownIdentity(stateDir),
    lookAtKey(keyFile),
  ])
  const edge =
    from(flags.home, 'flag --home') ??
    from(config.home, 'the configuration') ??
    from(found?.home, 'the identity') ??
    from(key && { host: key.edgeHost, port: key.edgePort }, 'the provisioning key')
  return {
    patient: {
      ...{ role: 'edge', stateDir, keyFile, proxyFile, host, edge },
      pin: found ? pinOf(found.rootPem) : key?.pin,
    },
    given: { identity, key: facts },
    egress: { flag: flags.proxy ?? config.proxy, env: process.env, file: proxyFile },
  }
}

/** A flag of the daemon is in no file: the one that runs knows. */
async function listenOfDaemon(stateDir: string): Promise<EdgeDaemonStatus['listen']> {
  const status = await readStatus(path.join(stateDir, 'status.sock'))
  return (status as Partial<EdgeDaemonStatus> | undefined)?.listen
}

async function ownIdentity(stateDir: string): Promise<{ found?: EdgeIdentity; facts: IdentityFacts }> {
  const { edgeIdentityIn } = await import('../edge/edge-identity.ts')
  try {
    const found = await edgeIdentityIn(StateDir.at(stateDir)).load()
    const { id, notAfterMs } = found ?? {}
    return { found, facts: { stored: found !== undefined, id, notAfterMs, drifted: [] } }
  } catch (error) {
    return { facts: { stored: true, drifted: [], fault: asFault(error, 'INVALID', 'edge') } }
  }
}

async function server(flags: HostFlags): Promise<HostPatient> {
  const { readServerConfig } = await import('./server/options.ts')
  const config = await readServerConfig(flags.config ?? process.env.BACKSTITCH_CONFIG)
  const stateDir = path.resolve(flags.state ?? config.stateDir)
  // What the server itself wrote when it last listened is nearer to the truth than its configuration.
  const last = await lastContext(stateDir)
  const { controlSocket, edge: edgeState } = filesOf(stateDir)
  const listen = flags.edge ?? readHostPort(last.listen ?? config.listen, 'listen', 'control')
  const host = {
    listen,
    publicHost: last.publicHost ?? config.publicHost,
    ...{ controlSocket, edgeState },
    unread: last.unread,
  }
  return { patient: { role: 'server', stateDir, proxyFile: '', host }, given: {}, egress: { env: {} } }
}

interface LastContext {
  readonly listen?: string
  readonly publicHost?: string
  /** It is there, and says nothing: not the same as one that was never written. */
  readonly unread?: { readonly file: string; readonly why: string }
}

async function lastContext(stateDir: string): Promise<LastContext> {
  const file = path.join(stateDir, 'context.json')
  try {
    const { server, listen } = JSON.parse(await readFile(file, 'utf8'))
    return { listen, publicHost: new URL(server).hostname.replace(/^\[|\]$/g, '') }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return {} // it has never listened
    const isRead = error instanceof SyntaxError || error instanceof TypeError
    return { unread: { file, why: isRead ? 'it is damaged' : (code ?? 'unknown') } }
  }
}
