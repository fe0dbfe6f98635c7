import { isIPv6 } from 'node:net'

/** What a program wanted to reach. */
export interface Asked {
  readonly host: string
  readonly port: number
}

/** The command of the person at this device that says in words what a code or a number says to a program. */
export function askAbout(to: Asked | undefined): string {
  if (to === undefined) return 'backstitch client status'
  const { host, port } = to
  return `backstitch doctor client --app ${isIPv6(host) ? `'[${host}]:${port}'` : `${host}:${port}`}`
}
