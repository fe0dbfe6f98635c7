import { z } from 'zod'
import { faultMessage } from '../wire/values.ts'

/** The last line of an answer that goes on, where it failed in the middle: it had its status by then. */
export const failedLine = z
  .object({ failed: faultMessage })
  .meta({ id: 'FailedLine', description: 'The answer ends here, and why' })
