import type { Parting, PartingWhy } from '../base/parting.ts'

/** How it left, behind "it", for a list of those that are gone. */
export function leftText(why: PartingWhy | undefined): string {
  switch (why) {
    case 'shutdown':
      return 'went down with its machine'
    case 'service-stop':
      return 'was stopped with its service'
    case 'service-restart':
      return 'was to restart'
    case 'upgrade':
      return 'was to be updated'
    case 'signal':
      return 'was stopped by a signal'
    case 'parent-gone':
      return 'stopped with the process that had started it'
    case 'certificate':
    case 'keys':
    case 'clock':
    case 'edge':
      return 'disconnected to reconnect'
    case 'done':
    case undefined:
      return 'said goodbye'
    default:
      return why satisfies never
  }
}

/** What it said as it left, with all that goes with it. */
export function partingText(parting: Parting | undefined): string {
  const detail = parting?.detail ?? ''
  switch (parting?.why) {
    case 'shutdown':
      return 'its machine shuts down or restarts'
    case 'service-stop':
      return `systemd was told to stop ${detail}`
    case 'service-restart':
      return `systemd was told to restart ${detail}`
    case 'upgrade':
      return `stopped for an update, ${detail}`
    case 'signal':
      return detail
    case 'parent-gone':
      return 'the process that had started it exited'
    case 'certificate':
      return 'to reconnect with its renewed certificate'
    case 'keys':
      return 'to reconnect, as it could not verify the keys it received'
    case 'clock':
      return `to reconnect, as its clock had jumped by ${detail}`
    case 'edge':
      return 'to go to another edge'
    case 'done':
      return 'its work is done'
    case undefined:
      return 'for an unknown reason'
    default:
      return parting!.why satisfies never
  }
}
