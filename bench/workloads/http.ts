/**
 * HTTP requests of 1 kB answers by wrk against nginx, over kept connections and over one connection each.
 *
 * @module
 */

import type { Address } from '../children.ts'
import { costMetrics, costSample, startMeter } from '../cost.ts'
import { Generator } from '../generator.ts'
import type { Sample, Subject, Workload } from '../workload.ts'

/** Connections that wrk holds. */
const CONNECTIONS = 32

export const keepAlive = http('http-keep-alive', 'HTTP over kept connections (wrk)', [])
export const oneShot = http('http-close', 'HTTP with Connection: close (wrk)', ['-H', 'Connection: close'])

function http(name: string, title: string, options: readonly string[]): Workload {
  return {
    name,
    title,
    metrics: [
      { name: 'requests', unit: '1/s', better: 'higher', digits: 0 },
      { name: 'p50', unit: 'ms', better: 'lower', digits: 2 },
      { name: 'p99', unit: 'ms', better: 'lower', digits: 2 },
      { name: 'errors', unit: '', better: 'lower', digits: 0 },
      ...costMetrics('ms', 3),
    ],
    measure: (subject) => measure(subject, options),
  }
}

/** Of kept connections. */
export async function requestsPerSecond(
  { host, port }: Address,
  connections: number,
  seconds: number,
): Promise<number> {
  const duration = Math.max(1, Math.round(seconds))
  const load = ['-t1', `-c${connections}`, `-d${duration}s`, '--timeout', '10s', `http://${host}:${port}/`]
  await using wrk = new Generator(['wrk', ...load], (duration + 30) * 1000)
  return number(await wrk.text(), /Requests\/sec:\s+([\d.]+)/)
}

async function measure({ path, seconds }: Subject, options: readonly string[]): Promise<Sample> {
  const { host, port } = path.to.http
  // wrk counts whole seconds only.
  const duration = Math.max(1, Math.round(seconds))
  const load = ['-t1', `-c${CONNECTIONS}`, `-d${duration}s`, '--latency', '--timeout', '5s']
  const url = `http://${host}:${port}/`
  await using wrk = new Generator(['wrk', ...load, ...options, url], (duration + 20) * 1000)
  const used = startMeter(path)
  const text = await wrk.text()
  const cost = used()
  const requests = number(text, /Requests\/sec:\s+([\d.]+)/)
  if (requests === 0) throw new Error('no request was answered')
  return {
    requests,
    p50: milliseconds(text, '50%'),
    p99: milliseconds(text, '99%'),
    errors: errors(text),
    ...costSample(cost, number(text, /(\d+) requests in/) / 1000),
  }
}

function number(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)
  if (!found) throw new Error(`Cannot read wrk's report as ${pattern} is not in it:\n${text}`)
  return Number(found[1])
}

function milliseconds(text: string, percentile: string): number {
  const found = new RegExp(`\\s${percentile}\\s+([\\d.]+)(us|ms|s)\\b`).exec(text)
  if (!found) throw new Error(`Cannot read wrk's report as ${percentile} is not in it:\n${text}`)
  return Number(found[1]) * { us: 0.001, ms: 1, s: 1000 }[found[2] as 'us' | 'ms' | 's']
}

/** Socket errors of every kind and answers other than 2xx and 3xx. */
function errors(text: string): number {
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)
  const answers = /Non-2xx or 3xx responses: (\d+)/.exec(text)
  return [...(sockets?.slice(1) ?? []), answers?.[1] ?? 0].reduce<number>(
    (sum, each) => sum + Number(each),
    0,
  )
}
