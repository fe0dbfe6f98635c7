import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Patient } from '../doctor/facts.ts'
import { parseHostPort } from './globals.ts'
import { print } from './terminal.ts'

export type HostRole = 'edge' | 'server'

export interface HostFlags {
  readonly config?: string
  readonly state?: string
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
  const report = await examineHost(await hostPatient(role, flags), o.signal)
  const colour = process.stdout.hasColors?.() ?? false
  print(o.json ? JSON.stringify(report, null, 2) : renderText(report, colour))
  return DOCTOR_EXIT[report.outcome]
}

async function hostPatient(role: HostRole, flags: HostFlags): Promise<Patient> {
  const { readEdgeConfig } = await import('../edge/edge-options.ts')
  if (role === 'edge') {
    const config = await readEdgeConfig(flags.config ?? process.env.BACKSTITCH_EDGE_CONFIG)
    const host = { listen: flags.edge ?? parseHostPort(config.listen) }
    return { role, stateDir: path.resolve(flags.state ?? config.stateDir), proxyFile: config.proxyFile, host }
  }
  const { readServerConfig } = await import('./server.ts')
  const config = await readServerConfig(flags.config ?? process.env.BACKSTITCH_CONFIG)
  const stateDir = path.resolve(flags.state ?? config.stateDir)
  // What the server itself wrote when it last listened is nearer to the truth than its configuration.
  const last = await lastContext(stateDir)
  const listen = flags.edge ?? parseHostPort(last.listen ?? config.listen)
  return { role, stateDir, proxyFile: '', host: { listen, publicHost: last.publicHost ?? config.publicHost } }
}

async function lastContext(stateDir: string): Promise<{ listen?: string; publicHost?: string }> {
  try {
    const { server, listen } = JSON.parse(await readFile(path.join(stateDir, 'context.json'), 'utf8'))
    return { listen, publicHost: new URL(server).hostname.replace(/^\[|\]$/g, '') }
  } catch {
    return {} // it has never listened, or this user may not see
  }
}
