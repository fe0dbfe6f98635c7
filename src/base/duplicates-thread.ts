/**
 * Makes further descriptors of open sockets. A thread of its own, so that the rest of the process cannot call into
 * libraries: that is still an experiment of Node, and this is one call.
 *
 * @module
 */
import ffi from 'node:ffi'
import { parentPort, workerData } from 'node:worker_threads'

const F_DUPFD_CLOEXEC = 1030

const { functions } = ffi.dlopen(null, {
  fcntl: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
})

function copiesOf({ descriptor, count }: { descriptor: number; count: number }): number[] {
  const copies = Array.from({ length: count }, (): number => functions.fcntl(descriptor, F_DUPFD_CLOEXEC, 0))
  return copies.filter((copy) => copy >= 0)
}

parentPort!.postMessage((workerData as { descriptor: number; count: number }[]).map(copiesOf))
