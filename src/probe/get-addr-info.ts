import { PATIENCE_MS } from '../base/patience.ts'
import { runProgram } from './run-program.ts'

export interface SystemAnswer {
  readonly addresses: readonly string[]
  /** ENOTFOUND, EAI_AGAIN…, or `timeout`: why there are none. */
  readonly errno?: string
}

const SCRIPT = `require('node:dns').lookup(process.argv[1], { all: true, order: 'verbatim' }, (error, all) => {
  process.stdout.write(JSON.stringify(error ? { addresses: [], errno: error.code } : { addresses: all.map((one) => one.address) }))
})`

/**
 * The addresses of `name` as every program of this system finds them: nsswitch, /etc/hosts, search domains.
 *
 * In a process of its own, because a resolver that is silent holds getaddrinfo for longer than anybody waits, and a
 * process that ends waits for it.
 *
 * @throws where it was not asked at all: that is no answer of anybody.
 */
export async function getAddrInfo(name: string, signal: AbortSignal): Promise<SystemAnswer> {
  const run = await runProgram(process.execPath, ['-e', SCRIPT, name], {
    signal,
    timeoutMs: PATIENCE_MS.name,
    env: process.env,
  })
  if (run === undefined) throw new Error(`getaddrinfo was not asked: ${process.execPath} cannot be run`)
  if (run.status === -1) return { addresses: [], errno: 'timeout' }
  if (run.status !== 0 || run.stdout === '')
    throw new Error(`getaddrinfo was not asked: node exited with ${run.status}`)
  const { addresses, errno } = JSON.parse(run.stdout) as SystemAnswer
  return { addresses: [...new Set(addresses)], errno }
}
