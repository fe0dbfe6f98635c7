import assert from 'node:assert/strict'
import { test } from 'node:test'
import { oomKillIn } from './oom-kill.ts'

const KERNEL = `2026-11-21T09:05:50,100000+00:00 memory: usage 900kB, limit 1000kB, failcnt 3
2026-11-21T09:05:50,100001+00:00 Memory cgroup out of memory: Killed process 4679 (node) total-vm:1kB, anon-rss:1kB, file-rss:0kB
2026-11-21T09:05:53,910900+00:00 memory: usage 58560kB, limit 58592kB, failcnt 12
2026-11-21T09:05:53,910945+00:00 oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/one/two,task_memcg=/one/two,task=node,pid=4679,uid=0
2026-11-21T09:05:53,910964+00:00 Memory cgroup out of memory: Killed process 4679 (node) total-vm:211880kB, anon-rss:58112kB, file-rss:2788kB, shmem-rss:0kB, UID:0
2026-11-21T09:06:53+0000 host kernel: Out of memory: Killed process 467 (node) total-vm:9kB, anon-rss:8kB, file-rss:2kB
`

test('a process that was killed at the limit of its control group: the newest entry, with the figures of the limit', () => {
  assert.deepEqual(oomKillIn(KERNEL, 4679), {
    at: '2026-11-21T09:05:53+00:00',
    line: 'Memory cgroup out of memory: Killed process 4679 (node) total-vm:211880kB, anon-rss:58112kB',
    group: { path: '/one/two', usedKB: 58_560, limitKB: 58_592 },
  })
})

test('a machine that is out of memory has no limit to name, and another number is another process', () => {
  assert.equal(oomKillIn(KERNEL, 467)?.group, undefined)
  assert.equal(
    oomKillIn(KERNEL, 467)?.line,
    'Out of memory: Killed process 467 (node) total-vm:9kB, anon-rss:8kB',
  )
  assert.equal(oomKillIn(KERNEL, 46), undefined)
})
