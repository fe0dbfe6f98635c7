import { runProgram } from './run-program.ts'

export interface SystemAnswer {
  readonly addresses: readonly string[]
  /** ENOTFOUND, EAI_AGAIN…, or `timeout`: why there are none. */
  readonly errno?: string
}

const LOOKUP_MS = 3000
const SCRIPT = `require('node:dns').lookup(process.argv[1], { all: true, order: 'verbatim' }, (error, all) => {
  process.stdout.write(JSON.stringify(error ? { addresses: [], errno: error.code } : { addresses: all.map((one) => one.address) }))
})`

/**
 * The addresses of `name` as every program of this system finds them: nsswitch, /etc/hosts, search domains.
 *
 * In a process of its own, because a resolver that is silent holds getaddrinfo for longer than anybody waits, and a
 * process that ends waits for it.
 */
export async function getAddrInfo(name: string, signal: AbortSignal): Promise<SystemAnswer> {
  const run = await runProgram(process.execPath, ['-e', SCRIPT, name], {
    signal,
    timeoutMs: LOOKUP_MS,
    env: process.env,
  })
  try {
    const { addresses, errno } = JSON.parse(run?.stdout ?? '') as SystemAnswer
    return { addresses: [...new Set(addresses)], errno }
  } catch {
    return { addresses: [], errno: 'timeout' }
  }
}
