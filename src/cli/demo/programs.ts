import { existsSync } from 'node:fs'
import { devNull } from 'node:os'
import path from 'node:path'
import { hostPort } from '../../base/host-port.ts'
import { programFile, ROOT } from '../../base/program-files.ts'
import type { Unprivileged } from './unprivileged.ts'

const MAIN = 'src/cli/main'
/** As bin/backstitch gives a connector. */
const YOUNG = '--max-semi-space-size=4'

/** node with the flags of bin/node. */
function node(root: string): string[] {
  // The runtime lies in that folder, so that it is found where it is mounted elsewhere, too.
  const runtime = path.relative(ROOT, process.execPath)
  const program = runtime.startsWith('..') ? process.execPath : path.join(root, runtime)
  return [program, '--disable-warning=ExperimentalWarning']
}

/** A command of this program. */
export function backstitch(...args: string[]): string[] {
  return [...node(ROOT), programFile(MAIN), ...args]
}

/** A program of the demo's own. */
export function demoProgram(name: string, ...args: string[]): string[] {
  return [...node(ROOT), programFile(`src/cli/demo/${name}`), ...args]
}

/** Settings that somebody has put into a folder of the demo; else none, and not those of this machine. */
export function settingsIn(folder: string, role: string): string {
  const file = path.join(folder, `${role}.yaml`)
  return existsSync(file) ? file : devNull
}

/** The connector, without rights. Its edge is named, since ports may have moved since it was enrolled. */
export function connectorCommand(as: Unprivileged, edge: { host: string; port: number }): string[] {
  const main = path.join(as.root, path.relative(ROOT, programFile(MAIN)))
  const state = path.join(as.state, 'connector')
  return [
    ...as.prefix,
    ...node(as.root),
    ...[YOUNG, main, 'connector', '--state', state, '--key-file', path.join(state, 'provision_key')],
    ...['--config', settingsIn(state, 'connector'), '--edge', hostPort(edge), '--drain', '0'],
  ]
}
