/**
 * How long a connector takes from the start of its process, with a key file and nothing else, until it is enrolled
 * and until it is healthy (a canary has come through the data path). A restart with an identity is measured too.
 *
 * @module
 */

import { install } from '../installation.ts'
import { HEALTHY, IDENTITY } from '../peers/backstitch.ts'
import type { Sample, Subject, Workload } from '../workload.ts'

export const bringUp: Workload = {
  name: 'bring-up',
  title: 'connector from process start to enrolled and to healthy',
  metrics: [
    { name: 'healthy', unit: 'ms', better: 'lower', digits: 0 },
    { name: 'enrolled', unit: 'ms', better: 'lower', digits: 0 },
    { name: 'restart', unit: 'ms', better: 'lower', digits: 0 },
  ],
  onlyFor: ({ name }) => name === 'backstitch',
  measure,
}

async function measure({ site }: Subject): Promise<Sample> {
  await using installation = await install(site)
  const connector = await installation.addConnector()
  const cold = installation.startConnector(connector)
  const enrolledMs = await installation.passed(cold, IDENTITY)
  const healthyMs = await installation.passed(cold, HEALTHY)
  await installation.stop(cold)
  const again = installation.startConnector(connector)
  const backMs = await installation.passed(again, HEALTHY)
  return {
    healthy: healthyMs - cold.startedMs,
    enrolled: enrolledMs - cold.startedMs,
    restart: backMs - again.startedMs,
  }
}
