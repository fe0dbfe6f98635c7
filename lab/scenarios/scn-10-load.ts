import { printed } from '../cures.ts'
import type { Daemon } from '../daemon.ts'
import type { Lab } from '../lab.ts'
import { grouped, groupOf, JOB_MB, startJob, ungrouped } from '../memory-group.ts'
import type { Scenario } from '../scenario.ts'
import { APP_NAME, APP_PORT } from '../topology.ts'

const copying = new WeakMap<Lab, Daemon[]>()
/** Of one processor: a service that shares its machine with a backup job. */
const LITTLE_PERCENT = 7
const TRANSFERS = 4

/** Users who copy large files, at a pace that a whole processor bears with ease. */
function transfers(lab: Lab): Daemon[] {
  const url = `http://${APP_NAME}:${APP_PORT}/bytes/999999[10-99]`
  const flags = ['-s', '--limit-rate', '15M', '-o', '/dev/null', '--socks5-hostname', '127.0.0.1:9180']
  return Array.from({ length: TRANSFERS }, (_, at) =>
    lab.machines.user.start(`transfer-${at}`, ['curl', ...flags, url]),
  )
}

export const load: Scenario = {
  id: 'SCN-10',
  title: 'Slow at peak hours',
  story: `connector-b is down for patching, and the backup of connector-a's machine runs into the morning. Every light is green:
connector-a is connected, answers and serves. It just has no processor time, so pings on its control connection are late
and downloads crawl. The helpdesk hears "slow", which triggers no alarm.`,
  variants: [
    {
      name: 'processor',
      does: `connector-a gets ${LITTLE_PERCENT} % of a processor, while connector-b is down and users copy large files`,
      hints: ['it is connected', 'what is it short of?', 'check its metrics of the last minutes'],
      hop: 'connector',
      code: 'CONNECTOR_OVERLOADED',
      seen: [/the daemon reports: .*processor/],
      cutsAll: true,
      alone: true,
      noticeMs: 90_000,
      verifyMs: 60_000,
      async inject(lab) {
        const { b } = lab.connectors
        const group = await grouped(lab)
        await b.stop()
        await lab.serves()
        copying.set(lab, transfers(lab))
        group.set({ cpuPercent: LITTLE_PERCENT })
      },
      async cure(lab, finding) {
        printed(finding, /^or give this machine more of what is short$/)
        groupOf(lab).set({})
      },
      async restore(lab) {
        const { b } = lab.connectors
        for (const one of copying.get(lab) ?? []) await lab.machines.user.stop(one, 'SIGKILL')
        await ungrouped(lab)
        if (!b.runs) b.start()
      },
    },
    {
      name: 'memory',
      does: 'a backup job next to connector-a takes the memory available to its control group',
      hints: ['it is connected, and it serves', 'what shares its limit?', 'check its metrics'],
      hop: 'connector',
      code: 'CONNECTOR_OVERLOADED',
      seen: [/the daemon reports: memory \d+ % \(\d+ MB of \d+ MB\)/, /\b[0-9] % of memory free/],
      async inject(lab) {
        const group = await grouped(lab)
        const job = startJob(lab)
        await job.until(() => job.lines().length > 0, 'take its memory', 20_000)
        group.set({ memoryBytes: Math.round(group.memoryUsedBytes / 0.95) })
      },
      async cure(lab, finding) {
        printed(finding, /^or give this machine more of what is short$/)
        groupOf(lab).set({})
      },
      restore: ungrouped,
    },
    {
      name: 'oom',
      does: 'a job takes the memory of the control group, and the kernel kills connector-a, which is marked as the first to go',
      hints: ['it is gone', 'it was not stopped', 'dmesg | grep -i killed'],
      hop: 'connector',
      code: 'DAEMON_DOWN',
      seen: [
        /Memory cgroup out of memory: Killed process \d+ /,
        /control group \S+-connector-a: \d+ MB of \d+ MB used/,
      ],
      noticed: async (lab) => (await lab.connectorStates()).get(lab.connectors.a.id!) === 'disconnected',
      restarts: true,
      async inject(lab) {
        const { a } = lab.connectors
        const group = await grouped(lab, ['choom', '-n', '1000', '--'])
        // With what a program needs to begin with the job is over the limit; without the connector it is not.
        group.set({ memoryBytes: group.memoryUsedBytes + JOB_MB * 2 ** 20 })
        const job = startJob(lab)
        await job.until(() => !a.runs, 'have connector-a killed', 20_000)
      },
      async cure(lab, finding) {
        const { a } = lab.connectors
        printed(finding, /^raise the memory limit of control group \S+-connector-a, over \d+ MB/)
        groupOf(lab).set({})
        printed(finding, /^start the daemon as it was installed$/)
        a.start()
      },
      restore: ungrouped,
    },
    {
      name: 'leak',
      does: 'code loaded into connector-a leaks a megabyte of memory every second',
      hints: [
        'it serves, and nothing is slow',
        'what was it an hour ago?',
        'does its number of sessions grow as well?',
      ],
      hop: 'connector',
      code: 'MEMORY_LEAK_SUSPECTED',
      seen: [/the daemon reports: .*sessions 0 → 0/],
      // What grows for less than five minutes may be warming up.
      noticeMs: 420_000,
      restarts: true,
      async inject({ connectors: { a } }) {
        const script =
          'const kept = []\nsetInterval(() => kept.push(Buffer.alloc(2 ** 20, 1)), 1000).unref()\n'
        const file = a.machine.file('leak.mjs', script, { mode: 0o644 })
        await a.stop()
        a.start({ NODE_OPTIONS: `--import=${file}` })
        await a.healthy()
      },
      async cure({ connectors: { a } }, finding) {
        printed(finding, /systemctl restart backstitch-connector$/)
        await a.stop()
        a.start()
      },
    },
  ],
}
