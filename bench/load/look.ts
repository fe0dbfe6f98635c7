/**
 * Preloaded into our own processes of a bench (`NODE_OPTIONS=--import`): on SIGUSR2 one collects its garbage and adds
 * what is left to the file that has its number, in the folder that the environment names.
 *
 * @module
 */

import { appendFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

const folder = process.env.BACKSTITCH_BENCH_LOOKS

if (folder && isMainThread) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const file = path.join(folder, `${process.pid}.looks`)
  // That it is there says that the signal will not end the process.
  writeFileSync(file, '')
  process.on('SIGUSR2', () => {
    const { rss } = process.memoryUsage()
    collect()
    const { heapUsed, external } = process.memoryUsage()
    appendFileSync(file, `${JSON.stringify({ liveBytes: heapUsed + external, residentBytes: rss })}\n`)
  })
}
