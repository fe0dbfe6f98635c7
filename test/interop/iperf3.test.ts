/** iperf3, which opens a connection to steer the test and others to load: all by standing forwards. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { needs } from '../needs.ts'
import { succeed } from '../program.ts'
import { freeAddress, Place } from './place.ts'

const STREAMS = 8
const SECONDS = 4
/** A UDP socket of default size holds 45 ms of this load: what a busy machine does not read in time is gone. */
const MAX_LOST_PERCENT = 10

interface Sums {
  readonly bytes: number
  readonly seconds: number
}
interface Report {
  readonly end: {
    readonly sum_sent: Sums
    readonly sum_received: Sums
    readonly sum: Sums & { readonly packets: number; readonly lost_percent: number }
    readonly streams: readonly { readonly receiver: Sums; readonly udp: { readonly packets: number } }[]
  }
}

describe('iperf3 over the tunnel', { skip: needs('iperf3') }, () => {
  let place: Place

  before(async () => {
    const meter = await freeAddress()
    place = await Place.open({ forwards: { meter: { to: meter, protocols: ['tcp', 'udp'] } } })
    await place.serve('iperf3', ['iperf3', '-s', '-B', meter.host, '-p', `${meter.port}`], meter)
  })
  after(() => place?.[Symbol.asyncDispose]())

  const measure = async (...flags: string[]): Promise<Report> => {
    const { host, port } = place.to('meter')
    const where = ['-c', host, '-p', `${port}`, '-t', `${SECONDS}`, '--json']
    // The server takes one test at a time, and says so while it clears up after the one before.
    for (let tries = 3; ; tries--) {
      const report = JSON.parse(await succeed(['iperf3', ...where, ...flags])) as Report
      if (report.end.sum !== undefined || report.end.sum_received !== undefined || tries === 1) return report
    }
  }

  for (const [direction, flags] of [
    ['up', []],
    ['down', ['-R']],
  ] as const) {
    test(`${STREAMS} streams ${direction}: none starves, nothing is lost`, async () => {
      const { end } = await measure('-P', `${STREAMS}`, ...flags)
      assert.equal(end.streams.length, STREAMS)
      const each = end.streams.map(({ receiver }) => receiver.bytes)
      const fair = end.sum_received.bytes / STREAMS
      assert.ok(Math.min(...each) > fair / 4, `bytes of each stream: ${each.join(' ')}`)
      assert.ok(end.sum_received.bytes > SECONDS * 20e6, `${end.sum_received.bytes} bytes in ${SECONDS} s`)
      // What is still on its way when the sender stops is no more than windows and buffers hold.
      assert.ok(end.sum_sent.bytes - end.sum_received.bytes < STREAMS * 32e6)
    })
  }

  for (const [direction, flags] of [
    ['up', []],
    ['down', ['-R']],
  ] as const) {
    test(`datagrams ${direction}: 2 flows of 10 Mbit/s arrive`, async () => {
      const { end } = await measure('-u', '-b', '10M', '-l', '1200', '-P', '2', ...flags)
      assert.ok(end.sum.packets > (2 * 10e6 * SECONDS) / 8 / 1200 / 2, `${end.sum.packets} datagrams`)
      assert.ok(end.sum.lost_percent < MAX_LOST_PERCENT, `${end.sum.lost_percent} % lost`)
      assert.ok(end.streams.every(({ udp }) => udp.packets > 0))
    })
  }
})
