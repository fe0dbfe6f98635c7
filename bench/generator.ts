/**
 * Runs a generator of `load/` as a process of its own and reads the lines it prints.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'

export class Generator implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<number | null>
  #complaint = ''

  /** @param timeoutMs after which it is killed and reading from it fails. */
  constructor(command: readonly [string, ...string[]], timeoutMs: number) {
    const [file, ...args] = command
    this.#child = spawn(file, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    })
    this.#ended = new Promise((resolve) =>
      this.#child.once('close', resolve).once('error', () => resolve(null)),
    )
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.#complaint += text))
    this.#child.stdin!.on('error', () => {})
    this.#lines = createInterface(this.#child.stdout!)[Symbol.asyncIterator]()
  }

  static load(name: string, request: unknown, timeoutMs: number): Generator {
    const program = path.join(import.meta.dirname, 'load', `${name}.ts`)
    return new Generator([process.execPath, ...process.execArgv, program, JSON.stringify(request)], timeoutMs)
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** The next line. @throws {Error} with what it complained about when there is none. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (!done) return value
    const code = await this.#ended
    const why = this.#child.signalCode ? `ended by ${this.#child.signalCode} (too slow)` : `exit code ${code}`
    throw new Error(`${path.basename(this.#child.spawnargs.at(-2) ?? '')}: ${this.#complaint.trim() || why}`)
  }

  async json<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T
  }

  /** Everything it prints until it ends. @throws {Error} when it fails. */
  async text(): Promise<string> {
    const lines: string[] = []
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next())
      lines.push(next.value)
    const code = await this.#ended
    if (code !== 0) throw new Error(this.#complaint.trim() || `${this.#child.spawnfile} ended with ${code}`)
    return lines.join('\n')
  }

  send(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}
