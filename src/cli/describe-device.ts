import { absenceLines, awayText, skewLines } from './describe-connector.ts'
import type { ResourceRow } from './resource-row.ts'
import { inLine, style, table } from './terminal.ts'

const SIGN_INS_SHOWN = 5

/** A device with who signed in on it, and where it is connected from; a suspicion of a copy first. */
export function deviceText(device: ResourceRow): string {
  const { signIn, signIns = [], connections = [], refused, sessionsShed, disconnected, ...more } = device
  const { away: _, clockSkewMs: __, ...fields } = more
  const hosts = new Set(connections.map(({ host }: ResourceRow) => host))
  const ways = connections.map(
    ({ host, address, program, connectedAt }: ResourceRow) =>
      `${inLine(host)} from ${address}, ${inLine(program)}, since ${connectedAt}`,
  )
  const skews = new Set(
    connections.flatMap(({ clockSkewMs }: ResourceRow) => skewLines(clockSkewMs, 'client')),
  )
  const suspicion =
    hosts.size < 2
      ? []
      : ['It is connected from machines with different names: its state directory may have been copied.']
  const turnedAway =
    refused === undefined
      ? []
      : [`${refused.code} at ${refused.at}, from ${refused.address}: ${inLine(refused.detail)}`]
  const shed =
    sessionsShed === undefined
      ? []
      : [
          `${sessionsShed} of its sessions were not recorded: only one end reported them, and too many of them.`,
        ]
  const rows = signIns.slice(0, SIGN_INS_SHOWN).map(rowOf)
  return [
    ...(disconnected === undefined ? [] : [...absenceLines(disconnected, 'on the device'), '']),
    ...[...suspicion, ...turnedAway, ...shed].map((line) => style('yellow', line)),
    ...skews,
    awayText({
      ...fields,
      signedIn: signIn === undefined ? 'no' : `since ${signIn.at}, until ${signIn.endsAt}`,
      connections: ways,
    }),
    ...(rows.length === 0 ? [] : ['', table(['SIGNED IN', 'FROM', 'UNTIL', 'BECAUSE', 'THROUGH'], rows)]),
  ].join('\n')
}

function rowOf({ at, from = '-', endsAt, ended }: ResourceRow): string[] {
  if (ended === undefined) return [at, from, endsAt, '-', '-']
  return [at, from, ended.at, inLine(ended.because), inLine(ended.by)]
}
