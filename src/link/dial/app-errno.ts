import type { FaultCode } from '../../base/faults.ts'
import { shortageOf } from '../../base/shortage.ts'

/** What an errno of connect(2) or of a connection means for the application; or for this machine, where it was not even tried. */
export function appFaultCode(errno: string, address?: string): FaultCode {
  const short = shortageOf(errno, address)
  if (short !== undefined) return short.code
  switch (errno) {
    case 'ECONNREFUSED':
      return 'APP_REFUSED'
    case 'ETIMEDOUT':
      return 'APP_TIMEOUT'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'APP_RESET'
    default:
      return 'APP_UNREACHABLE'
  }
}
