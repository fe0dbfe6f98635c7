/**
 * Dies as `kill -9` would, at a named place: for tests of what a crash leaves behind.
 *
 * Armed by `BACKSTITCH_FAILPOINT=NAME`, and only where `NODE_ENV=test`; anywhere else it is one comparison.
 */
export function failpoint(name: string): void {
  if (process.env.NODE_ENV !== 'test' || process.env.BACKSTITCH_FAILPOINT !== name) return
  process.kill(process.pid, 'SIGKILL')
  // The signal can land on another thread first: nothing after this line may run.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
