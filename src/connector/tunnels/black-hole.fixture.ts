import { spawn } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'

/** An address that drops: the listener is a process that never accepts, and its queue is full. */
export async function blackHole(t: { after(work: () => unknown): void }): Promise<number> {
  const script = `
    const server = require('node:net').createServer()
    server.listen({ host: '127.0.0.5', port: 0, backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port) + '\\n')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const fillers: net.Socket[] = []
  t.after(() => {
    for (const filler of fillers) filler.destroy()
    child.kill('SIGKILL')
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(line.toString())
  for (let i = 0; i < 2; i++) {
    const filler = net.connect({ host: '127.0.0.5', port }).on('error', () => {})
    fillers.push(filler)
    await once(filler, 'connect')
  }
  return port
}
