import type { Command } from 'commander'
import { diagnoseLine } from '../api/diagnosis.ts'
import { Fault } from '../base/faults.ts'
import type { Report } from '../doctor/report.ts'
import { faultFromMessage } from '../link/control/fault-message.ts'
import type { DiagnosisFinding, DiagnosisReport } from '../wire/control.ts'
import { restFor } from './globals.ts'
import { print } from './terminal.ts'

/** The control plane has given up long before. */
const ALL_MS = 30_000

export interface AskOptions {
  /** Name or id. */
  readonly connector: string
  readonly app?: { readonly host: string; readonly port: number }
  readonly networks: readonly string[]
  readonly json: boolean
  readonly signal: AbortSignal
}

/**
 * The doctor on the machine of a connected connector, asked over the API; it says what `backstitch doctor` says there.
 *
 * @returns The exit code. @throws {Fault} CONNECTOR_DISCONNECTED, CONFLICT, and what the API answers.
 */
export async function askDoctor(command: Command, o: AskOptions): Promise<number> {
  const { renderFirst, renderRest, renderText } = await import('../doctor/render-text.ts')
  const { DOCTOR_EXIT } = await import('../doctor/report.ts')
  const colour = process.stdout.hasColors?.() ?? false
  let told = false
  const said = await examined(command, o, (first) => {
    if (o.json || told) return
    told = true
    print(renderFirst({ outcome: 'fault', findings: [first], role: 'connector' }, colour))
  })
  const report: Report = { ...said, role: 'connector' }
  if (o.json) print(JSON.stringify(report, null, 2))
  else print(told ? renderRest(report, colour) : renderText(report, colour))
  return DOCTOR_EXIT[report.outcome]
}

async function examined(
  command: Command,
  { connector, app, networks, signal }: AskOptions,
  onFirst: (first: DiagnosisFinding) => void,
): Promise<DiagnosisReport> {
  const rest = await restFor(command)
  const expected = networks.length === 0 ? {} : { networks }
  const body = app === undefined ? {} : { app: { ...app, ...expected } }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ALL_MS)])
  const path = `/connectors/${encodeURIComponent(connector)}/diagnose`
  for await (const said of rest.lines(path, limit, { method: 'POST', body })) {
    const line = lineOf(said)
    if ('failed' in line) throw faultFromMessage(line.failed)
    if ('first' in line) onFirst(line.first)
    if ('report' in line) return line.report
  }
  signal.throwIfAborted()
  throw new Fault('CONTROL_UNREACHABLE', `the answer to ${path} ended before the report`)
}

function lineOf(said: unknown) {
  try {
    return diagnoseLine.parse(said)
  } catch (cause) {
    throw new Fault('PROTOCOL_ERROR', 'the examination carried a line that cannot be read', {
      cause,
      hop: 'control',
    })
  }
}
