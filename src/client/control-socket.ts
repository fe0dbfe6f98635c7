import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import net from 'node:net'
import { Deadlines } from '../base/deadlines.ts'
import { asFault, type Fault } from '../base/faults.ts'
import { faultToMessage } from '../link/fault-message.ts'
import { type ControlAnswer, type ControlCall, controlCall, readLine, writeLine } from './control-line.ts'
import { destination } from './destination.ts'
import { openForward } from './forward-listener.ts'
import { endWith } from './last-word.ts'
import { ACCEPT, closeServer, ignoreError, listenFailed } from './listen.ts'
import type { Opener } from './open-session.ts'
import type { Session, SessionEvents } from './session.ts'

const CALL_MS = 5000

export interface ControlSocketOptions {
  /** Where to listen. Whoever holds STATE/status.sock owns it: a file that is there already is left over. */
  readonly file: string
  readonly opener: Opener
  /** Somebody signed in: read the profile again. */
  readonly reload: () => Promise<void>
}

/** Serves the commands of this user while the client runs: sessions and forwards through its warm tunnels. */
export class ControlSocket implements AsyncDisposable {
  readonly #server: net.Server
  readonly #o: ControlSocketOptions
  readonly #sockets = new Set<net.Socket>()
  readonly #silent = new Deadlines<net.Socket>(CALL_MS, (socket) => socket.destroy())

  private constructor(options: ControlSocketOptions) {
    this.#o = options
    this.#server = net.createServer(ACCEPT, (socket) => {
      this.#sockets.add(socket)
      this.#silent.add(socket)
      socket.on('error', ignoreError)
      socket.once('close', () => {
        this.#sockets.delete(socket)
        this.#silent.delete(socket)
      })
      this.#serve(socket).catch((error: unknown) => {
        if (!socket.destroyed) endWith(socket, refusal(asFault(error)))
      })
    })
  }

  /** @throws {Fault} LISTEN_FAILED. */
  static async open(options: ControlSocketOptions): Promise<ControlSocket> {
    const control = new ControlSocket(options)
    await rm(options.file, { force: true })
    const before = process.umask(0o177)
    try {
      control.#server.listen(options.file) // binds before it returns, so the mode is right from the first moment
    } finally {
      process.umask(before)
    }
    await once(control.#server, 'listening').catch((error: unknown) => {
      throw listenFailed({ host: options.file, port: 0 }, error)
    })
    return control
  }

  async #serve(socket: net.Socket): Promise<void> {
    const startedUs = this.#o.opener.nowUs()
    const call = await readLine(socket, controlCall)
    this.#silent.delete(socket)
    if (call.op === 'connect') this.#connect(socket, call, startedUs)
    else if (call.op === 'forward') await this.#forward(socket, call)
    else {
      await this.#o.reload()
      endWith(socket, writeLine({ ok: true }))
    }
  }

  #connect(socket: net.Socket, { host, port }: ControlCall & { op: 'connect' }, startedUs: number): void {
    const to = destination(host, port, 'tcp')
    const session = this.#o.opener.open(to, 'stdio', new Connect(socket), startedUs)
    socket.once('close', () => session.abandon())
  }

  /** The forward lives as long as the command that asked for it. */
  async #forward(socket: net.Socket, call: ControlCall & { op: 'forward' }): Promise<void> {
    const forward = await openForward(call, this.#o.opener)
    const gone = once(socket, 'close')
    socket.once('end', () => socket.destroy())
    socket.write(writeLine({ ok: true, address: forward.local }))
    socket.resume()
    if (!socket.destroyed) await gone
    await forward[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = closeServer(this.#server)
    this.#silent[Symbol.dispose]()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

class Connect implements SessionEvents {
  readonly #socket: net.Socket

  constructor(socket: net.Socket) {
    this.#socket = socket
  }

  opened(session: Session): void {
    this.#socket.write(writeLine({ ok: true, session: session.id }))
    session.attach(this.#socket)
  }

  failed(fault: Fault, session: Session): void {
    endWith(this.#socket, refusal(fault, session.id))
  }
}

function refusal(fault: Fault, session?: string): string {
  return writeLine({ ok: false, session, fault: faultToMessage(fault) } satisfies ControlAnswer)
}
