import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { SheddingWriter } from './shedding-writer.ts'

/** Room in a pipe, unless somebody changes it. */
const PIPE_BYTES = 65_536
const LINE = `${'x'.repeat(999)}\n`
const notice = (shed: number) => `shed ${shed}\n`

/** A pipe that is read when `read` is called, and never otherwise; its other end blocks, as those of shells do. */
function pipe(t: TestContext): { fd: number; read(): string } {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'bs-pipe-'))
  const file = path.join(dir, 'pipe')
  execFileSync('mkfifo', [file])
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  const fd = openSync(file, 'w')
  t.after(() => {
    closeSync(reader)
    closeSync(fd)
    rmSync(dir, { recursive: true })
  })
  const room = Buffer.alloc(PIPE_BYTES)
  return {
    fd,
    read() {
      try {
        return room.toString('utf8', 0, readSync(reader, room))
      } catch {
        return '' // there is nothing for now
      }
    },
  }
}

/** Reads until `enough`, turn by turn. */
async function readUntil(read: () => string, enough: (text: string) => boolean): Promise<string> {
  let text = ''
  while (!enough(text)) {
    text += read()
    await setImmediate()
  }
  return text
}

test('nobody reads: writing goes on, memory does not grow, and what is missing is counted in its place', async (t) => {
  const { fd, read } = pipe(t)
  using writer = new SheddingWriter(fd, { notice, waitingBytes: 10_000 })
  const sent = 200
  for (let i = 0; i < sent; i += 1) writer.write(LINE)
  const text = await readUntil(read, (so) => /^shed \d+\n/m.test(so))
  const lines = text.split('\n').filter((line) => line === LINE.trimEnd()).length
  const shed = Number(/^shed (\d+)$/m.exec(text)?.[1])
  assert.equal(lines + shed, sent)
  assert.ok(lines < 80, `${lines} lines were kept of a pipe of 64 kB and 10 kB beside it`)
  writer.write('after\n')
  assert.equal(await readUntil(read, (so) => so.includes('after')), 'after\n')
})

test('whoever shares the pipe finds it as it was: it blocks', (t) => {
  const { fd } = pipe(t)
  const flags = () => execFileSync('cat', [`/proc/${process.pid}/fdinfo/${fd}`], { encoding: 'utf8' })
  const before = flags()
  using writer = new SheddingWriter(fd, { notice })
  writer.write('one\n')
  assert.equal(flags(), before)
})

test('no space: nothing is thrown, and every line is tried or counted', () => {
  const full = openSync('/dev/full', 'w')
  try {
    using writer = new SheddingWriter(full, { notice, waitingBytes: 10_000 })
    for (let i = 0; i < 100; i += 1) writer.write(LINE)
  } finally {
    closeSync(full)
  }
})

test('the last lines of a process are there, and a reader who never reads does not keep it', async () => {
  const program = `
    const { SheddingWriter } = await import(${JSON.stringify(import.meta.resolve('./shedding-writer.ts'))})
    const writer = new SheddingWriter(2, { notice: (shed) => 'shed ' + shed })
    for (let i = 0; i < Number(process.argv[1]); i += 1) writer.write(${JSON.stringify(LINE)})
    writer.write('last\\n')
    process.exit(7)`
  const run = (lines: number) =>
    spawn(process.execPath, ['--input-type=module', '-e', program, String(lines)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
  const read = run(200)
  const parts: Buffer[] = []
  read.stderr.on('data', (part: Buffer) => parts.push(part))
  assert.deepEqual(await once(read, 'close'), [7, null])
  assert.match(Buffer.concat(parts).toString(), /\nlast\n$/)

  const unread = run(2000)
  assert.deepEqual(await once(unread, 'exit'), [7, null])
  unread.stderr.destroy()
})

test('a socket that another process has made blocking again, as a journal is shared, stops nothing', async (t) => {
  const program = `
    const { SheddingWriter } = await import(${JSON.stringify(import.meta.resolve('./shedding-writer.ts'))})
    const { spawnSync } = await import('node:child_process')
    const writer = new SheddingWriter(2, { notice: (shed) => 'shed ' + shed })
    writer.write('first\\n')
    for (let i = 0; i < 1000; i += 1) writer.write(${JSON.stringify(LINE)})
    spawnSync('true', { stdio: ['ignore', 'ignore', 'inherit'] })
    for (let i = 0; i < 20; i += 1) {
      writer.write(${JSON.stringify(LINE)})
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    console.log('goes on')
    process.exit(7)`
  // What spawn calls a pipe is a pair of sockets.
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said), 'goes on\n')
  assert.deepEqual(await once(child, 'exit'), [7, null])
  child.stderr.destroy()
})
