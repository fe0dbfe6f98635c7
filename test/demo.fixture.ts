/**
 * Starts `backstitch demo` as a person would, in a directory of its own, and what a test needs of it.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

const MAIN = path.resolve(import.meta.dirname, '../src/cli/main.ts')
const FLAGS = ['--disable-warning=ExperimentalWarning', MAIN]

/** A directory that the user nobody may enter, gone at the end of the scope. */
export function demoFolder(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(path.join(tmpdir(), 'bs-demo-'))
  chmodSync(folder, 0o755)
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Makes a first start take ports that nobody else's demo takes. */
export async function choosePorts(folder: string): Promise<{ edgePort: number; proxyPort: number }> {
  const state = path.join(folder, '.backstitch')
  const [edgePort, proxyPort] = [await unusedPort(), await unusedPort()]
  const kept = { edgePort, proxyPort, password: `demo-${process.pid}-${Date.now()}` }
  await promisify(execFile)('mkdir', ['-p', state])
  writeFileSync(path.join(state, 'demo.json'), JSON.stringify(kept), { mode: 0o600 })
  return { edgePort, proxyPort }
}

async function unusedPort(): Promise<number> {
  const server = net.createServer().listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

export class RunningDemo implements AsyncDisposable {
  readonly child: ChildProcess
  readonly exited: Promise<[number | null, string | null]>
  #text = ''

  /** Resolves when the demo has said how to end it: everything is up then. */
  static async start(folder: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<RunningDemo> {
    const demo = new RunningDemo(folder, args, env)
    await demo.#up.promise
    return demo
  }

  readonly #up = Promise.withResolvers<void>()

  private constructor(folder: string, args: string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [...FLAGS, 'demo', ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
    })
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (part: string) => {
        this.#text += part
        if (this.#text.includes('Ctrl-C')) this.#up.resolve()
      })
    }
    this.exited = once(this.child, 'exit') as Promise<[number | null, string | null]>
    void this.exited.then(() => this.#up.reject(new Error(`the demo ended:\n${this.#text}`)))
    this.#up.promise.catch(() => {})
  }

  /** Everything it has printed. */
  get text(): string {
    return this.#text
  }

  /** @returns Milliseconds until it was gone. */
  async interrupt(): Promise<number> {
    const startMs = performance.now()
    this.child.kill('SIGINT')
    const [code] = await this.exited
    if (code !== 0) throw new Error(`the demo ended with ${code}:\n${this.#text}`)
    return performance.now() - startMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill('SIGINT')
      await this.exited
    }
  }
}

/** A command, in the directory of the demo. Rejects with its output if it fails. */
export async function backstitch(
  folder: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, ...args], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1', ...env },
  })
  return stdout
}

/** A SOCKS5 CONNECT (RFC 1928), as a browser does it: resolves with a socket joined to the destination. */
export async function socks5(proxyPort: number, host: string, port: number): Promise<net.Socket> {
  const socket = net.connect({ host: '127.0.0.1', port: proxyPort })
  await once(socket, 'connect')
  socket.write(Buffer.from([5, 1, 0]))
  await readExactly(socket, 2)
  const name = Buffer.from(host)
  socket.write(
    Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])]),
  )
  const [, reply] = await readExactly(socket, 10)
  if (reply !== 0) throw new Error(`SOCKS5 reply ${reply}`)
  return socket
}

export async function readExactly(socket: net.Socket, bytes: number): Promise<Buffer> {
  for (;;) {
    const found = socket.read(bytes) as Buffer | null
    if (found !== null) return found
    await once(socket, 'readable')
  }
}

/** Processes of this machine whose command line has `text`. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return line.includes(text) ? [`${pid} ${line}`] : []
      } catch {
        return [] // it ended meanwhile
      }
    })
}
