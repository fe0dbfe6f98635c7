import { createHash, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { StateDir } from '../base/state-dir.ts'
import type { Patient } from '../doctor/facts.ts'
import type { EgressInput } from '../link/egress.ts'
import { parseHostPort } from './globals.ts'
import { print } from './terminal.ts'

export type HostRole = 'edge' | 'server'

export interface HostFlags {
  readonly config?: string
  readonly state?: string
  readonly proxy?: string
  /** Where it listens, in place of what is known. */
  readonly edge?: { readonly host: string; readonly port: number }
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

async function hostPatient(
  role: HostRole,
  flags: HostFlags,
): Promise<{ patient: Patient; egress: EgressInput }> {
  return role === 'edge' ? remoteEdge(flags) : server(flags)
}

async function remoteEdge(flags: HostFlags): Promise<{ patient: Patient; egress: EgressInput }> {
  const { readEdgeConfig } = await import('../edge/edge-options.ts')
  const config = await readEdgeConfig(flags.config ?? process.env.BACKSTITCH_EDGE_CONFIG)
  const stateDir = path.resolve(flags.state ?? config.stateDir)
  const host = { listen: flags.edge ?? parseHostPort(config.listen) }
  const { proxyFile } = config
  const identity = await ownIdentity(stateDir)
  const home = config.home ?? identity?.home
  const source = config.home === undefined ? 'the identity' : 'the configuration'
  return {
    patient: {
      ...{ role: 'edge', stateDir, proxyFile, host },
      edge: home && { ...home, source },
      pin: identity && createHash('sha256').update(new X509Certificate(identity.rootPem).raw).digest(),
    },
    egress: { flag: flags.proxy ?? config.proxy, env: process.env, file: proxyFile },
  }
}

async function ownIdentity(stateDir: string) {
  const { loadIdentity } = await import('../edge/edge-identity.ts')
  // What cannot be read is told of the state directory.
  return loadIdentity(StateDir.at(stateDir)).catch(() => undefined)
}

async function server(flags: HostFlags): Promise<{ patient: Patient; egress: EgressInput }> {
  const { readServerConfig } = await import('./server.ts')
  const config = await readServerConfig(flags.config ?? process.env.BACKSTITCH_CONFIG)
  const stateDir = path.resolve(flags.state ?? config.stateDir)
  // What the server itself wrote when it last listened is nearer to the truth than its configuration.
  const last = await lastContext(stateDir)
  const listen = flags.edge ?? parseHostPort(last.listen ?? config.listen)
  const host = { listen, publicHost: last.publicHost ?? config.publicHost }
  return { patient: { role: 'server', stateDir, proxyFile: '', host }, egress: { env: {} } }
}

async function lastContext(stateDir: string): Promise<{ listen?: string; publicHost?: string }> {
  try {
    const { server, listen } = JSON.parse(await readFile(path.join(stateDir, 'context.json'), 'utf8'))
    return { listen, publicHost: new URL(server).hostname.replace(/^\[|\]$/g, '') }
  } catch {
    return {} // it has never listened, or this user may not see
  }
}
