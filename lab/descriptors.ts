import type { Machine } from './machine.ts'

/** To the lowest number that was ever free: files have the lowest that is, so the next one is one too many. */
const LIMIT = `first=1024
for look in $(seq 20); do
  free=0; while [ -L /proc/$1/fd/$free ]; do free=$((free + 1)); done
  ((free < first)) && first=$free; sleep 0.05
done
$2 prlimit --pid=$1 --nofile=$first:`
const ENOUGH = 1024

/** The process may open no more files than it has open. @param as Command before: whose process it is, where not root's. */
export async function noMoreDescriptors(machine: Machine, pid: number, as = ''): Promise<void> {
  await machine.succeed('bash', '-c', LIMIT, 'limit', String(pid), as)
}

export async function descriptorsAgain(
  machine: Machine,
  pid: number,
  as: readonly string[] = [],
): Promise<void> {
  await machine.run('env', ...as, 'prlimit', `--pid=${pid}`, `--nofile=${ENOUGH}:`)
}

/** The process that listens on this TCP port. */
export async function holderOf(machine: Machine, port: number): Promise<number> {
  const said = await machine.succeed('ss', '-ltnpH', `sport = :${port}`)
  const pid = /pid=(\d+)/.exec(said)?.[1]
  if (pid === undefined) throw new Error(`nothing is listening on port ${port} of ${machine.name}:\n${said}`)
  return Number(pid)
}
