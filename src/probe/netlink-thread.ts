/**
 * Opens a socket to the kernel's table of sockets, which Node has no words for, and gives its number to the process.
 * A thread of its own, so that the rest of the process cannot call into libraries: that is still an experiment of Node,
 * and this is one call.
 *
 * @module
 */
import ffi from 'node:ffi'
import { parentPort } from 'node:worker_threads'

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const NETLINK_SOCK_DIAG = 4

const { functions } = ffi.dlopen(null, {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
})
const descriptor: number = functions.socket(
  AF_NETLINK,
  SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
  NETLINK_SOCK_DIAG,
)
parentPort!.postMessage(descriptor)
