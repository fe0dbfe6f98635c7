import { shellWord } from '../../base/fault-words.ts'
import { hostPort } from '../../base/host-port.ts'

/** What a program wanted to reach. */
export interface AskedDestination {
  readonly host: string
  readonly port: number
}

/** The command of the person at this device that says in words what a code or a number says to a program. */
export function askAbout(to: AskedDestination | undefined): string {
  if (to === undefined) return 'backstitch client status'
  return `backstitch doctor client --app ${shellWord(hostPort(to))}`
}
