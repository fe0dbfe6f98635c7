import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SendRateLimiter } from './send-rate-limiter.ts'

/** A path with bulk data on it, that takes `bytesPerUs` and answers `rttUs` after the last byte. */
class Path {
  bytesPerUs: number
  rttUs: number
  readonly limiter = new SendRateLimiter()
  #nowUs = 0
  #busyUntilUs = 0
  #answerUs = Number.POSITIVE_INFINITY

  constructor(bytesPerUs: number, rttUs: number) {
    this.bytesPerUs = bytesPerUs
    this.rttUs = rttUs
  }

  /** @returns Bytes per microsecond that were sent. */
  run(seconds: number): number {
    const from = this.#nowUs
    let sent = 0
    while (this.#nowUs < from + seconds * 1e6) {
      if (this.#nowUs >= this.#answerUs) {
        this.limiter.answer(this.#nowUs)
        this.#answerUs = Number.POSITIVE_INFINITY
      }
      if (this.limiter.wantsMarker) {
        this.limiter.marker(this.#nowUs)
        this.#answerUs = Math.max(this.#busyUntilUs, this.#nowUs) + this.rttUs
      }
      if (this.limiter.open) {
        this.limiter.sent(65_536)
        sent += 65_536
        this.#busyUntilUs = Math.max(this.#busyUntilUs, this.#nowUs) + 65_536 / this.bytesPerUs
        this.#nowUs += 10 // the writer is much faster than the path
      } else this.#nowUs = this.#answerUs
    }
    return sent / (this.#nowUs - from)
  }
}

const PATHS = [
  { name: 'loopback', bytesPerUs: 700, rttUs: 200 },
  { name: 'a metro path', bytesPerUs: 100, rttUs: 5_000 },
  { name: 'a long path', bytesPerUs: 100, rttUs: 60_000 },
]
for (const { name, bytesPerUs, rttUs } of PATHS) {
  test(`limiter: ${name} is filled, and its queues stay short`, () => {
    const path = new Path(bytesPerUs, rttUs)
    path.run(3)
    const rate = path.run(3)
    assert.ok(rate > bytesPerUs * 0.8, `${rate} of ${bytesPerUs} bytes per microsecond`)
    const limitUs = path.limiter.limitBytes / bytesPerUs
    assert.ok(limitUs <= Math.max(2.6 * rttUs, 12_000), `${limitUs} us are on their way`)
  })
}

test('limiter: a path that becomes longer is filled again', () => {
  const path = new Path(100, 5_000)
  path.run(5)
  path.rttUs = 50_000
  path.run(60)
  const rate = path.run(5)
  assert.ok(rate > 80, `${rate} of 100 bytes per microsecond`)
})
