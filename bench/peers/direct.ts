/**
 * No tunnel at all: the ceiling, and the proof that the generators are not the limit.
 *
 * @module
 */

import type { Peer } from '../path.ts'

export const direct: Peer = {
  name: 'direct',
  title: 'direct TCP',
  protection: 'none',
  commands: [],
  packages: [],
  lacks: 'a tunnel',
  start: async ({ application }) => ({
    to: application.at,
    processes: {},
    async [Symbol.asyncDispose]() {},
  }),
}
