/** OpenSSH and what travels in it, by ProxyCommand as people use it. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises'
import type { Readable, Writable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { needs } from '../needs.ts'
import { finish, shell, succeed } from '../program.ts'
import { checksum, freeAddress, Place, randomFile } from './place.ts'
import { serveSsh } from './sshd.ts'

const LONG_MS = 120_000
const ANSWER_MS = 30_000

describe('OpenSSH over the tunnel', {
  skip: needs('openssh-client', 'openssh-server', 'openssl', 'util-linux'),
}, () => {
  let place: Place
  let config: string
  let sum: string

  before(async () => {
    place = await Place.open()
    config = await serveSsh(place, await freeAddress())
    sum = await randomFile(place.file('big'), 200)
  })
  after(() => place?.[Symbol.asyncDispose]())

  test('one command: its output, its exit code, its error stream', async () => {
    const ssh = ['ssh', '-F', config, 'app', 'wc -c; echo complaint >&2; exit 42'] as const
    const { code, stdout, stderr } = await finish(ssh, { input: 'x'.repeat(1_000_000) })
    assert.deepEqual(
      { code, stdout: stdout.trim(), stderr },
      { code: 42, stdout: '1000000', stderr: 'complaint\n' },
    )
  })

  test('an interactive session: a terminal, an edited line, Ctrl-C, the exit code', async () => {
    const child = spawn('ssh', ['-F', config, '-tt', 'app'], { stdio: ['pipe', 'pipe', 'inherit'] })
    await using terminal = new Terminal(child)
    // Sums are asked for, so that an answer differs from the echo of the question.
    terminal.type('unset HISTFILE PROMPT_COMMAND; PS1="next> "; echo ready-$((20+3))\r')
    await terminal.sees(/ready-23[\s\S]*next> $/)
    terminal.type('test -t 0 && echo terminal-$((40+2)) on $(tty)\r')
    await terminal.sees(/terminal-42 on \/dev\/pts\/[\s\S]*next> $/)
    terminal.type('echo reading-$((7+8)); cat\r')
    await terminal.sees(/reading-15/)
    terminal.type('typed wron\x7fng\r') // the terminal over there takes the erased letter back
    await terminal.sees(/\ntyped wrong\r/)
    terminal.type('\x03')
    await terminal.sees(/next> $/)
    terminal.type('echo interrupted-$?\r')
    await terminal.sees(/interrupted-130[\s\S]*next> $/)
    terminal.type('exit 7\r')
    assert.equal(await terminal.ended, 7)
  })

  test('many short sessions at once', async () => {
    const one = (number: number) =>
      succeed(['ssh', '-F', config, 'app', `echo ${number}`], { timeoutMs: LONG_MS })
    const numbers = Array.from({ length: 6 }, (_, number) => number)
    assert.deepEqual(
      await Promise.all(numbers.map(one)),
      numbers.map((number) => `${number}\n`),
    )
  })

  test('scp of 200 MB there and back', async () => {
    const [from, there, back] = [place.file('big'), place.file('there'), place.file('back')]
    await succeed(['scp', '-q', '-F', config, from, `app:${there}`], { timeoutMs: LONG_MS })
    assert.equal(await checksum(there), sum)
    await succeed(['scp', '-q', '-F', config, `app:${there}`, back], { timeoutMs: LONG_MS })
    assert.equal(await checksum(back), sum)
  })

  test('rsync sends what is new, and only that', { skip: needs('rsync') }, async () => {
    const [from, to] = [place.file('tree'), place.file('copy')]
    await mkdir(from)
    await randomFile(`${from}/kept`, 50)
    for (let file = 0; file < 200; file++) await appendFile(`${from}/small-${file}`, `${file}\n`.repeat(file))
    const rsync = [
      'rsync',
      '-a',
      '--stats',
      '--checksum',
      '-e',
      `ssh -F ${config}`,
      `${from}/`,
      `app:${to}/`,
    ] as const
    await succeed(rsync, { timeoutMs: LONG_MS })
    await appendFile(`${from}/kept`, 'the end')
    const second = await succeed(rsync, { timeoutMs: LONG_MS })
    const sent = Number(/Total bytes sent: ([\d,]+)/.exec(second)![1]!.replaceAll(',', ''))
    assert.ok(sent < 5_000_000, `${sent} bytes for an appended word`)
    assert.equal((await readdir(to)).length, 201)
    assert.equal(await checksum(`${to}/kept`), await checksum(`${from}/kept`))
  })

  test('git clones and pushes', { skip: needs('git') }, async () => {
    const [bare, work, clone] = [place.file('app.git'), place.file('work'), place.file('clone')]
    const env = {
      GIT_SSH_COMMAND: `ssh -F ${config}`,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_SYSTEM: '/dev/null',
    }
    const git = (...args: string[]) =>
      succeed(['git', '-c', 'user.name=t', '-c', 'user.email=t@test', ...args], { env, timeoutMs: LONG_MS })
    await git('init', '-q', '--bare', '-b', 'main', bare)
    await git('init', '-q', '-b', 'main', work)
    await succeed(shell('seq 1 300 | (cd "$1" && split -l 1 - file-)', work))
    await randomFile(`${work}/blob`, 30)
    await git('-C', work, 'add', '.')
    await git('-C', work, 'commit', '-q', '-m', 'first')
    await git('-C', work, 'push', '-q', bare, 'main')

    await git('clone', '-q', `app:${bare}`, clone)
    await git('-C', clone, 'fsck', '--strict')
    assert.equal(await git('-C', clone, 'rev-parse', 'main'), await git('-C', work, 'rev-parse', 'main'))
    assert.equal(await checksum(`${clone}/blob`), await checksum(`${work}/blob`))

    await rm(`${clone}/blob`)
    await git('-C', clone, 'commit', '-q', '-a', '-m', 'second')
    await git('-C', clone, 'push', '-q', 'origin', 'main')
    assert.equal(
      await git('-C', clone, 'rev-parse', 'main'),
      await git('--git-dir', bare, 'rev-parse', 'main'),
    )
  })

  test('what cannot be reached is said on the terminal, by code and hop', async () => {
    const { code, stderr } = await finish([
      'ssh',
      '-F',
      config,
      '-p',
      `${(await freeAddress()).port}`,
      'app',
      'true',
    ])
    assert.equal(code, 255)
    assert.match(stderr, /APP_REFUSED \(application\)/)
  })
})

/** A person at a terminal: types, and looks at what appears. */
class Terminal implements AsyncDisposable {
  readonly ended: Promise<number | null>
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  #screen = ''

  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child
    this.ended = once(child, 'exit').then(([code]) => code)
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#screen += text
    })
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Resolves when `pattern` is on the screen. What was there until then is wiped. */
  async sees(pattern: RegExp): Promise<void> {
    const signal = AbortSignal.timeout(ANSWER_MS)
    while (!pattern.test(this.#screen)) {
      await once(this.#child.stdout, 'data', { signal }).catch((cause) => {
        throw new Error(`${pattern} did not appear: ${JSON.stringify(this.#screen)}`, { cause })
      })
    }
    this.#screen = ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill()
    await this.ended
  }
}
