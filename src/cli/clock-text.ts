import { skewText } from '../base/clock-skew.ts'
import { style } from './terminal.ts'

/** The clock of this machine, where it is off by more than it may be. @param slowMs Against that of the server. */
export function clockText(slowMs: number | undefined): string | undefined {
  const skew = skewText(slowMs)
  return skew && `${style('yellow', 'CLOCK_SKEW')}: ${skew}`
}
