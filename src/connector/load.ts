/** What this process costs the machine. */
export class Load {
  #before = process.cpuUsage()
  #beforeMs = performance.now()

  /** `cpuPercent`: of one core, since it was last read. */
  read(): { cpuPercent: number; rssBytes: number } {
    const { user, system } = process.cpuUsage(this.#before)
    const nowMs = performance.now()
    const elapsedMs = Math.max(1, nowMs - this.#beforeMs)
    this.#before = process.cpuUsage()
    this.#beforeMs = nowMs
    const cpuPercent = Math.round((user + system) / elapsedMs) / 10
    return { cpuPercent, rssBytes: process.memoryUsage.rss() }
  }
}
