/** What a wire does to the frames of one direction; nothing by default. Both directions do the same. */
export interface Impairment {
  /** One way: a round trip takes twice as long. */
  readonly delayMs?: number
  /** The delay varies by as much either way; frames keep their order. */
  readonly jitterMs?: number
  readonly lossPercent?: number
  /** So many are overtaken by those that follow. */
  readonly reorderPercent?: number
  readonly duplicatePercent?: number
  readonly rateKbit?: number
}

/** For how long a frame that is overtaken is held back. */
export const OVERTAKEN_MS = 10

/** The same as arguments of `tc qdisc … netem`. */
export function netemArguments(o: Impairment): string[] {
  const { delayMs = 0, jitterMs = 0, reorderPercent = 0 } = o
  const delay =
    delayMs > 0
      ? [['delay', `${delayMs}ms`, ...(jitterMs > 0 ? [`${jitterMs}ms`] : [])]]
      : reorderPercent > 0
        ? [['delay', `${OVERTAKEN_MS}ms`]]
        : []
  // netem sends so many at once and delays the others: without a delay of its own it is the others that are overtaken.
  const atOncePercent = delayMs > 0 ? reorderPercent : 100 - reorderPercent
  return [
    ...delay,
    ...(o.lossPercent ? [['loss', `${o.lossPercent}%`]] : []),
    ...(reorderPercent > 0 ? [['reorder', `${atOncePercent}%`]] : []),
    ...(o.duplicatePercent ? [['duplicate', `${o.duplicatePercent}%`]] : []),
    ...(o.rateKbit ? [['rate', `${o.rateKbit}kbit`]] : []),
  ].flat()
}
