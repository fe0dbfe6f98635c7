/**
 * A kept process that tells with what it was started, and the parent that prints it.
 *
 * @module
 */
import { KeptProcess } from './kept-process.ts'
import { silentLog } from './log.ts'

if (process.send !== undefined) {
  process.send({ flags: process.execArgv, arenas: process.env.MALLOC_ARENA_MAX })
  process.on('message', (order: { end?: true }) => order.end && process.exit(0))
} else {
  const told = Promise.withResolvers<object>()
  await using kept = new KeptProcess<object, object>({
    ...{ kind: 'worker', name: 'told', hop: 'client', entry: import.meta.filename, log: silentLog },
    first: () => ({}),
    last: () => ({ end: true }),
    onNews: told.resolve,
    onEnded: told.reject,
  })
  kept.start()
  process.stdout.write(JSON.stringify(await told.promise))
}
