/**
 * Further descriptors of an open socket, which Node has no words for. What they lead to is one and the same.
 *
 * @module
 */
import { Worker } from 'node:worker_threads'
import { programFile } from './program-files.ts'

/** Whoever asks within this time shares a thread. */
const GATHER_MS = 50

interface Asked {
  readonly descriptor: number
  readonly count: number
  readonly done: (copies: readonly number[]) => void
}

let waiting: Asked[] = []

/** @returns None where this Node cannot do it; else as many, which are the caller's. */
export function duplicates(descriptor: number, count: number): Promise<readonly number[]> {
  const { promise, resolve } = Promise.withResolvers<readonly number[]>()
  waiting.push({ descriptor, count, done: resolve })
  if (waiting.length === 1) setTimeout(ask, GATHER_MS).unref()
  return promise
}

function ask(): void {
  const asked = waiting
  waiting = []
  const thread = new Worker(programFile('src/base/duplicates-thread'), {
    // The warning that this is an experiment is for whoever writes programs.
    execArgv: ['--experimental-ffi', '--disable-warning=ExperimentalWarning'],
    workerData: asked.map(({ descriptor, count }) => ({ descriptor, count })),
  })
  thread.unref()
  const answer = (copies?: readonly (readonly number[])[]) => {
    for (const [at, { done }] of asked.entries()) done(copies?.[at] ?? [])
  }
  thread.once('message', answer)
  thread.once('error', () => answer())
  thread.once('exit', () => answer())
}
