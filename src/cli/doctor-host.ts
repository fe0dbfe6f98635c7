import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { EdgeHost, Patient } from '../doctor/facts.ts'
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
  const host = serving(flags, config, await lastContext(stateDir))
  return { role, stateDir, proxyFile: '', host }
}

/** What the server itself wrote when it last listened is nearer to the truth than its configuration. */
function serving(
  flags: HostFlags,
  config: { listen: string; publicHost?: string },
  last: { host: string; port: number } | undefined,
): EdgeHost {
  const listen = parseHostPort(config.listen)
  const publicHost = last?.host ?? config.publicHost
  return { listen: flags.edge ?? { host: listen.host, port: last?.port ?? listen.port }, publicHost }
}

async function lastContext(stateDir: string): Promise<{ host: string; port: number } | undefined> {
  try {
    const { server } = JSON.parse(await readFile(path.join(stateDir, 'context.json'), 'utf8'))
    const { hostname, port } = new URL(server)
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 443) }
  } catch {
    return undefined // it has never listened, or this user may not see
  }
}
