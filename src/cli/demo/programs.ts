import { existsSync } from 'node:fs'
import { devNull } from 'node:os'
import path from 'node:path'
import { hostPort } from '../../base/host-port.ts'
import type { Unprivileged } from './unprivileged.ts'

export const CHECKOUT = path.resolve(import.meta.dirname, '../../..')

/** node with the flags of bin/node. */
function node(checkout: string): string[] {
  // The runtime lies in the checkout, so that it is found where the checkout is mounted elsewhere, too.
  const runtime = path.relative(CHECKOUT, process.execPath)
  const program = runtime.startsWith('..') ? process.execPath : path.join(checkout, runtime)
  return [program, '--disable-warning=ExperimentalWarning']
}

/** A command of this program. */
export function backstitch(...args: string[]): string[] {
  return [...node(CHECKOUT), path.join(CHECKOUT, 'src/cli/main.ts'), ...args]
}

/** A program of the demo's own. */
export function demoProgram(file: string, ...args: string[]): string[] {
  return [...node(CHECKOUT), path.join(import.meta.dirname, file), ...args]
}

/** Settings that somebody has put into a folder of the demo; else none, and not those of this machine. */
export function settingsIn(folder: string, role: string): string {
  const file = path.join(folder, `${role}.yaml`)
  return existsSync(file) ? file : devNull
}

/** The connector, without rights. Its edge is named, since ports may have moved since it was enrolled. */
export function connectorCommand(as: Unprivileged, edge: { host: string; port: number }): string[] {
  const main = path.join(as.checkout, 'src/cli/main.ts')
  const state = path.join(as.state, 'connector')
  return [
    ...as.prefix,
    ...node(as.checkout),
    ...[main, 'connector', '--state', state, '--key-file', path.join(state, 'provision_key')],
    ...['--config', settingsIn(state, 'connector'), '--edge', hostPort(edge), '--drain', '0'],
  ]
}
