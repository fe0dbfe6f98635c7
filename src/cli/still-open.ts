import type { SignedOutDevices, StillOpen } from '../api/sign-ins.ts'
import { inLine, style } from './terminal.ts'

/** What is left to do, each with the command that does it; nothing where nothing is. */
export function stillOpenText(open: StillOpen): string {
  if (open.length === 0) return ''
  const lines = open.flatMap(({ what, run }) => [`  ${inLine(what)}`, `    ${inLine(run)}`])
  return [style('yellow', 'Still open:'), ...lines].join('\n')
}

/** "3 devices of ada were signed out: desk, laptop, phone", or nothing where none was. */
export function signedOutText(user: string, devices: SignedOutDevices, were = 'were'): string {
  if (devices.length === 0) return ''
  const names = inLine(devices.map(({ name }) => name).join(', '))
  const verb = devices.length === 1 && were === 'were' ? 'was' : were
  return `${devices.length} ${devices.length === 1 ? 'device' : 'devices'} of ${inLine(user)} ${verb} signed out: ${names}`
}
